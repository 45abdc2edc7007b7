//! The API as TypeScript: one file with every type and a map of the methods.

use super::{ApiError, Event, Request, Update, method::visit_method_types, method_signatures};
use std::collections::BTreeMap;
use ts_rs::{Config, TS, TypeVisitor};

const HEADER: &str = "\
// Drydock's API: its types and its methods. Generated from app/api/src; do not edit.
// Renew: cargo run -p drydock-api --example codegen -- ui/src/lib/backend/generated.ts
";

/// The whole API as one TypeScript module.
pub fn typescript() -> String {
    let mut types = Types::default();
    types.visit::<Request>();
    types.visit::<Update>();
    types.visit::<Event>();
    types.visit::<ApiError>();
    visit_method_types(&mut types);

    let mut out = String::from(HEADER);
    for declaration in types.declarations.values() {
        out.push('\n');
        out.push_str(declaration);
    }
    out.push_str("\n/** The methods: what each takes and what it gives. A failed call gives an `ApiError`. */\n");
    out.push_str("export interface Methods {\n");
    for (name, params, result) in method_signatures() {
        out.push_str(&format!("  \"{name}\": {{ params: {params}; result: {result} }};\n"));
    }
    out.push_str("}\n");
    out
}

/// Declarations by name, collected from the visited types and from all types that they mention.
#[derive(Default)]
struct Types {
    config: Config,
    declarations: BTreeMap<String, String>,
}

impl TypeVisitor for Types {
    fn visit<T: TS + 'static + ?Sized>(&mut self) {
        let declared_here = T::output_path().is_some();
        if declared_here {
            let name = T::ident(&self.config);
            if self.declarations.contains_key(&name) {
                return;
            }
            let docs = T::docs().unwrap_or_default();
            let declaration = format!("{docs}export {}\n", T::decl(&self.config));
            self.declarations.insert(name, declaration);
        }
        T::visit_dependencies(self);
        T::visit_generics(self);
    }
}
