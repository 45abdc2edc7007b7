//! One pass over a module: validates it, collects what boards need to know about it, and copies it without custom
//! sections.

use super::toolchain::{Toolchain, of_custom};
use crate::{domain::ImportReport, error::UploadRefusal};
use drydock_protocol::{
    capability::Capability,
    host_calls::{self, HostCall, Needs, ValueType},
    manifest::EntryPoints,
};
use wasmparser::{
    BinaryReaderError, CompositeInnerType, ConstExpr, Data, DataKind, Element, ElementItems, ElementKind, ExternalKind,
    FuncType, FuncValidator, FuncValidatorAllocations, FunctionBody, Operator, Parser, Payload, TypeRef, ValType,
    ValidPayload, Validator, WasmFeatures, WasmModuleResources,
};

/// Limit of local variables of one function. Each takes 8 bytes of the call stack, so these take 240 KB: more than any
/// board has for apps.
const MAX_LOCALS: u32 = 30_000;

/// The proposals that devices carry out.
fn features() -> WasmFeatures {
    WasmFeatures::MUTABLE_GLOBAL
        | WasmFeatures::SATURATING_FLOAT_TO_INT
        | WasmFeatures::SIGN_EXTENSION
        | WasmFeatures::MULTI_VALUE
        | WasmFeatures::FLOATS
        | WasmFeatures::BULK_MEMORY
        | WasmFeatures::REFERENCE_TYPES
        | WasmFeatures::TAIL_CALL
        | WasmFeatures::EXTENDED_CONST
        | WasmFeatures::CUSTOM_PAGE_SIZES
}

/// The results of the scan of a module.
#[derive(Default)]
pub(super) struct ModuleScan {
    types: Vec<Option<FuncType>>,
    functions: Vec<u32>,
    pub(super) imports: Vec<ImportReport>,
    pub(super) exports: Vec<String>,
    pub(super) entry: EntryPoints,
    pub(super) memory_bytes: u64,
    pub(super) memory_max_bytes: Option<u64>,
    pub(super) page_bytes: u32,
    pub(super) table_elements: u64,
    pub(super) operators: u64,
    pub(super) data_bytes: u64,
    pub(super) wanted: Vec<Capability>,
    pub(super) uses_gpio: bool,
    pub(super) problems: Vec<(UploadRefusal, String)>,
    pub(super) toolchain: Toolchain,
    /// Imports that boards do not have.
    missing: Vec<String>,
    /// Imports that boards have with another type.
    mistyped: Vec<String>,
    /// Elements of each table at the start.
    tables: Vec<u64>,
}

impl ModuleScan {
    /// Validates a module and copies all but its custom sections, in one pass.
    pub(super) fn walk(&mut self, binary: &[u8]) -> Result<Vec<u8>, BinaryReaderError> {
        let mut stripped = Vec::with_capacity(binary.len());
        stripped.extend_from_slice(b"\0asm\x01\0\0\0");
        self.page_bytes = 65_536;
        let mut validator = Validator::new_with_features(features());
        let mut allocations = FuncValidatorAllocations::default();
        let mut parser = Parser::new(0);
        parser.set_features(features());
        for payload in parser.parse_all(binary) {
            let payload = payload?;
            if let ValidPayload::Func(function, body) = validator.payload(&payload)? {
                let mut function = function.into_validator(allocations);
                self.function(&mut function, &body)?;
                allocations = function.into_allocations();
            }
            if let Some((id, range)) = payload.as_section()
                && id != 0
            {
                let range = usize::try_from(range.start).ok().zip(usize::try_from(range.end).ok());
                // A truncated module ends before its last section does; the parser reports it with the next payload.
                let content = range.and_then(|(start, end)| binary.get(start..end));
                copy_section(&mut stripped, id, content.unwrap_or_default());
            }
            self.section(payload)?;
        }
        self.import_problems();
        Ok(stripped)
    }

    /// Validates one function, counts its operators, and checks the number of its locals.
    fn function<T: WasmModuleResources>(
        &mut self,
        function: &mut FuncValidator<T>,
        body: &FunctionBody<'_>,
    ) -> Result<(), BinaryReaderError> {
        let mut reader = body.get_binary_reader();
        function.read_locals(&mut reader)?;
        let locals = function.len_locals();
        if locals > MAX_LOCALS {
            let problem = format!(
                "its function {} has {locals} local variables and boards run at most {MAX_LOCALS}: keep arrays in linear memory",
                function.index()
            );
            self.problem(UploadRefusal::Instantiation, &problem);
        }
        let mut operators = body.get_binary_reader_for_operators()?;
        while !operators.eof() {
            let mut visitor = function.visitor(operators.original_position());
            operators.visit_operator(&mut visitor)??;
            self.operators += 1;
        }
        operators.finish_expression(&function.visitor(operators.original_position()))
    }

    fn section(&mut self, payload: Payload<'_>) -> Result<(), BinaryReaderError> {
        match payload {
            Payload::TypeSection(types) => {
                for group in types {
                    for ty in group?.into_types() {
                        self.types.push(match ty.composite_type.inner {
                            CompositeInnerType::Func(function) => Some(function),
                            _ => None,
                        });
                    }
                }
            }
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    let import = import?;
                    self.import(import.module, import.name, import.ty);
                }
            }
            Payload::FunctionSection(functions) => {
                for index in functions {
                    self.functions.push(index?);
                }
            }
            Payload::TableSection(tables) => {
                for table in tables {
                    let elements = table?.ty.initial;
                    self.tables.push(elements);
                    self.table_elements = self.table_elements.saturating_add(elements);
                }
            }
            Payload::MemorySection(memories) => {
                for memory in memories {
                    let memory = memory?;
                    let page = memory.page_size_log2.unwrap_or(16);
                    self.page_bytes = 1 << page;
                    self.memory_bytes = memory.initial << page;
                    self.memory_max_bytes = memory.maximum.map(|maximum| maximum << page);
                }
            }
            Payload::ExportSection(exports) => {
                for export in exports {
                    let export = export?;
                    self.export(export.name, export.kind, export.index);
                }
            }
            Payload::ElementSection(segments) => {
                for (index, segment) in segments.into_iter().enumerate() {
                    self.element_segment(index, &segment?);
                }
            }
            Payload::DataSection(segments) => {
                for (index, segment) in segments.into_iter().enumerate() {
                    self.data_segment(index, &segment?);
                }
            }
            Payload::CustomSection(section) => {
                self.toolchain = of_custom(section.name(), section.data()).unwrap_or(self.toolchain);
            }
            _ => {}
        }
        Ok(())
    }

    /// An active segment beyond the memory traps at instantiation (core specification, section 4.5.4).
    fn data_segment(&mut self, index: usize, segment: &Data<'_>) {
        let bytes = segment.data.len() as u64;
        self.data_bytes += bytes;
        let DataKind::Active { offset_expr, .. } = &segment.kind else {
            return;
        };
        let Some(offset) = constant(offset_expr) else { return };
        if offset.saturating_add(bytes) > self.memory_bytes {
            let problem = format!(
                "its data segment {index} writes {bytes} bytes at address {offset} and its memory begins with {} bytes, so that instantiating it traps (out of bounds memory access): give it a larger memory",
                self.memory_bytes
            );
            self.problem(UploadRefusal::Instantiation, &problem);
        }
    }

    /// An active segment beyond its table traps at instantiation (core specification, section 4.5.4).
    fn element_segment(&mut self, index: usize, segment: &Element<'_>) {
        let count = match &segment.items {
            ElementItems::Functions(items) => items.count(),
            ElementItems::Expressions(_, items) => items.count(),
        };
        let ElementKind::Active {
            table_index,
            offset_expr,
        } = &segment.kind
        else {
            return;
        };
        let table = self.tables.get(table_index.unwrap_or(0) as usize).copied();
        let (Some(offset), Some(elements)) = (constant(offset_expr), table) else {
            return;
        };
        if offset.saturating_add(count.into()) > elements {
            let problem = format!(
                "its element segment {index} puts {count} elements at index {offset} and its table has {elements}, so that instantiating it traps (out of bounds table access): give it a larger table"
            );
            self.problem(UploadRefusal::Instantiation, &problem);
        }
    }

    /// One problem for all imports that boards do not have, and one for all that have another type.
    fn import_problems(&mut self) {
        let toolchain = self
            .missing
            .iter()
            .fold(self.toolchain, |toolchain, name| toolchain.or_of_import(name));
        self.toolchain = toolchain;
        if !self.mistyped.is_empty() {
            let names = listed(&self.mistyped);
            let problem =
                format!("it imports {names} with another type than boards have: build it against this guest SDK");
            self.problems.insert(0, (UploadRefusal::UnknownImport, problem));
        }
        if !self.missing.is_empty() {
            let names = listed(&self.missing);
            let problem = format!(
                "it imports {names}, which boards do not have: {}",
                toolchain.without_imports()
            );
            self.problems.insert(0, (UploadRefusal::UnknownImport, problem));
        }
    }

    fn import(&mut self, module: &str, name: &str, ty: TypeRef) {
        let full_name = format!("{module}.{name}");
        let call = host_calls::find(module, name);
        let known = match (ty, call) {
            (TypeRef::Func(index), Some(call)) => {
                self.functions.push(index);
                self.has_type(index, call)
            }
            (TypeRef::Func(index), None) => {
                self.functions.push(index);
                false
            }
            _ => false,
        };
        if !known {
            let names = if call.is_some() {
                &mut self.mistyped
            } else {
                &mut self.missing
            };
            names.push(full_name.clone());
        }
        let capability = call.map_or("", |call| capability_name(call.needs));
        if let Some(call) = call {
            self.want(call.needs);
        }
        self.imports.push(ImportReport {
            name: full_name,
            capability: capability.to_owned(),
            known,
        });
    }

    fn problem(&mut self, kind: UploadRefusal, problem: &str) {
        self.problems.push((kind, problem.to_owned()));
    }

    fn want(&mut self, needs: Needs) {
        let capability = match needs {
            Needs::Nothing => return,
            Needs::Gpio => {
                self.uses_gpio = true;
                return;
            }
            Needs::Log => Capability::Log,
            Needs::Metrics => Capability::Metrics,
            Needs::Timer => Capability::Timer,
            Needs::Random => Capability::Random,
        };
        if !self.wanted.contains(&capability) {
            self.wanted.push(capability);
        }
    }

    fn export(&mut self, name: &str, kind: ExternalKind, index: u32) {
        let slot = match name {
            "_start" => &mut self.entry.start,
            "init" => &mut self.entry.init,
            "tick" => &mut self.entry.tick,
            "on_message" => &mut self.entry.on_message,
            _ => return,
        };
        let ty = self
            .functions
            .get(index as usize)
            .and_then(|index| self.types.get(*index as usize)?.as_ref());
        let wanted: &[ValType] = if name == "on_message" { &[ValType::I32; 2] } else { &[] };
        if kind == ExternalKind::Func && ty.is_some_and(|ty| ty.params() == wanted && ty.results().is_empty()) {
            *slot = true;
            self.exports.push(name.to_owned());
        } else {
            let problem =
                format!("its export {name} has not the type that boards call: give it the one of the guest SDK");
            self.problem(UploadRefusal::NoEntryPoint, &problem);
        }
    }

    fn has_type(&self, index: u32, call: &HostCall) -> bool {
        let Some(Some(ty)) = self.types.get(index as usize) else {
            return false;
        };
        let params = call.params.iter().map(|ty| val_type(*ty));
        let results = call.result.iter().map(|ty| val_type(*ty));
        ty.params().iter().copied().eq(params) && ty.results().iter().copied().eq(results)
    }
}

/// The name of the capability that a host call belongs to.
fn capability_name(needs: Needs) -> &'static str {
    match needs {
        Needs::Nothing => "",
        Needs::Log => "log",
        Needs::Metrics => "metrics",
        Needs::Timer => "timer",
        Needs::Gpio => "gpio",
        Needs::Random => "random",
    }
}

fn val_type(ty: ValueType) -> ValType {
    match ty {
        ValueType::I32 => ValType::I32,
        ValueType::I64 => ValType::I64,
        ValueType::F64 => ValType::F64,
    }
}

/// Section id, length as LEB128, content (WebAssembly core specification, section 5.5.2).
fn copy_section(module: &mut Vec<u8>, id: u8, content: &[u8]) {
    module.push(id);
    let mut length = content.len();
    loop {
        let byte = (length & 0x7f) as u8;
        length >>= 7;
        module.push(if length == 0 { byte } else { byte | 0x80 });
        if length == 0 {
            break;
        }
    }
    module.extend_from_slice(content);
}

/// The value of an offset that is one constant. Other offsets are known only at instantiation.
fn constant(expression: &ConstExpr<'_>) -> Option<u64> {
    let mut operators = expression.get_operators_reader().into_iter();
    let value = match operators.next()?.ok()? {
        Operator::I32Const { value } => u64::from(value.cast_unsigned()),
        Operator::I64Const { value } => value.cast_unsigned(),
        _ => return None,
    };
    matches!(operators.next(), Some(Ok(Operator::End))).then_some(value)
}

/// Names in a sentence: `a`, `a and b`, `a, b and c`.
fn listed(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [name] => name.clone(),
        [names @ .., last] => format!("{} and {last}", names.join(", ")),
    }
}
