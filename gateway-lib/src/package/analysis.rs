//! What a module is: imports, exports, memory, the capabilities that it wants. Nothing is stored or signed here.

use crate::{
    domain::{Digest, ImportReport, ModuleReport},
    error::UploadRefusal,
};
use drydock_protocol::{
    capability::Capability,
    host_calls::{self, HostCall, Needs, ValueType},
    section::Section,
};
use ring::digest::{SHA256, digest};
use std::borrow::Cow;
use wasmparser::{
    CompositeInnerType, Encoding, ExternalKind, FuncType, Parser, Payload, TypeRef, ValType, Validator, WasmFeatures,
};

/// Bytes of a device's heap that an app takes besides code, memory and stack: engine, store, linked calls.
const HEAP_FIXED_BYTES: u64 = 8 * 1024;
/// How much a module grows when a device compiles it, whatever is in it: what the device itself reckons with at least.
const HEAP_PER_MODULE_BYTE: u64 = 4;
/// What a device needs for the code of two operators: 8.0 bytes each for arithmetic, 8.7 for branches, 9.2 for loads,
/// measured on the emulated Nano 33 BLE.
const HEAP_PER_TWO_OPERATORS: u64 = 19;
/// Heap of one table element.
const HEAP_PER_TABLE_ELEMENT: u64 = 8;
/// Call stack of an app whose module does not ask for another.
pub(super) const DEFAULT_STACK_BYTES: u32 = 4 * 1024;

/// A module as it would be sent, with what was found.
pub(crate) struct AnalyzedModule {
    /// Without names and debug information.
    pub(crate) module: Vec<u8>,
    pub(crate) report: ModuleReport,
    pub(crate) section: Section,
    pub(crate) entry: drydock_protocol::manifest::EntryPoints,
    /// The class of the first problem.
    pub(crate) first_problem: Option<UploadRefusal>,
}

/// Analyses a module in binary or text form, and takes names and debug information out of it.
///
/// # Errors
/// Half a sentence that begins with "it": why there is nothing to report.
pub(crate) fn analyze(given: &[u8], max_bytes: usize) -> Result<AnalyzedModule, String> {
    let from_text = !given.starts_with(b"\0asm");
    // Text and debug information may be larger than what is sent, but not without bound.
    if given.len() > max_bytes.saturating_mul(16) {
        return Err(format!(
            "it has {} bytes, far more than any board takes: build it smaller (optimise for size, strip symbols)",
            given.len()
        ));
    }
    let binary = if from_text {
        parse_text(given)?
    } else {
        Cow::Borrowed(given)
    };
    validate(&binary)?;
    let mut found = ModuleScan::default();
    let module = found.walk(&binary).map_err(|error| invalid(&error))?;
    let mut problems = found.problems;
    let section = match Section::of_module(&binary) {
        Ok(section) => section.unwrap_or_default(),
        Err(error) => {
            let problem = format!("{error}: mend its drydock section and build it again");
            problems.push((UploadRefusal::CustomSection, problem));
            Section::default()
        }
    };
    if module.len() > max_bytes {
        let problem = format!(
            "it has {} bytes and at most {max_bytes} can be sent: build it smaller (optimise for size, strip symbols)",
            module.len()
        );
        problems.push((UploadRefusal::TooLarge, problem));
    }
    if !(found.entry.start || found.entry.init || found.entry.tick) {
        let problem = "it exports nothing that boards call: export _start, init or tick".to_owned();
        problems.push((UploadRefusal::NoEntryPoint, problem));
    }
    let memory_bytes = u32::try_from(found.memory_bytes).unwrap_or(u32::MAX);
    let mut digest_bytes = [0; 32];
    digest_bytes.copy_from_slice(digest(&SHA256, &module).as_ref());
    let report = ModuleReport {
        name: section.name.clone(),
        version: section.version,
        digest: Digest(digest_bytes),
        size_bytes: u32::try_from(module.len()).unwrap_or(u32::MAX),
        given_bytes: u32::try_from(given.len()).unwrap_or(u32::MAX),
        from_text,
        imports: found.imports,
        exports: found.exports,
        memory_bytes,
        memory_max_bytes: found.memory_max_bytes,
        page_bytes: found.page_bytes,
        heap_bytes: heap_bytes(
            (module.len(), found.operators, found.data_bytes),
            found.table_elements,
            section.limits.memory_bytes.unwrap_or(0).max(memory_bytes),
            section.limits.stack_bytes.unwrap_or(DEFAULT_STACK_BYTES),
        ),
        wanted: found.wanted,
        uses_gpio: found.uses_gpio,
        requested: section.capabilities.clone().unwrap_or_default(),
        problems: problems.iter().map(|(_, problem)| problem.clone()).collect(),
    };
    Ok(AnalyzedModule {
        first_problem: problems.first().map(|(kind, _)| *kind),
        module,
        report,
        section,
        entry: found.entry,
    })
}

/// Heap that a device needs for an app in all. The device reckons with the same floor before it accepts.
fn heap_bytes(
    (module_bytes, operators, data_bytes): (usize, u64, u64),
    table_elements: u64,
    memory_bytes: u32,
    stack_bytes: u32,
) -> u32 {
    let code = operators.saturating_mul(HEAP_PER_TWO_OPERATORS) / 2;
    let floor = (module_bytes as u64).saturating_mul(HEAP_PER_MODULE_BYTE);
    let heap = HEAP_FIXED_BYTES
        .saturating_add(floor.max(code.saturating_add(data_bytes)))
        .saturating_add(table_elements.saturating_mul(HEAP_PER_TABLE_ELEMENT))
        .saturating_add(memory_bytes.into())
        .saturating_add(stack_bytes.into());
    u32::try_from(heap).unwrap_or(u32::MAX)
}

fn parse_text(given: &[u8]) -> Result<Cow<'_, [u8]>, String> {
    let text = std::str::from_utf8(given).ok();
    let text = text.filter(|text| text.trim_start().starts_with(['(', ';']));
    let text = text.ok_or(
        "it is neither WebAssembly (.wasm) nor its text format (.wat): choose the file that the compiler made for wasm32",
    )?;
    wat::parse_str(text).map(Cow::Owned).map_err(|error| {
        let text = error.to_string();
        let first: Vec<&str> = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .take(2)
            .collect();
        format!("its text has an error ({}): mend it there", first.join(" "))
    })
}

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

fn validate(binary: &[u8]) -> Result<(), String> {
    match Validator::new_with_features(features()).validate_all(binary) {
        Ok(_) => Ok(()),
        Err(error) => Err(invalid(&error)),
    }
}

/// Cut short, damaged or made for more than boards carry out.
fn invalid(error: &wasmparser::BinaryReaderError) -> String {
    format!(
        "it is no valid WebAssembly for boards ({}): copy it again, or build it without the features that boards lack",
        error.message()
    )
}

#[derive(Default)]
struct ModuleScan {
    types: Vec<Option<FuncType>>,
    functions: Vec<u32>,
    imports: Vec<ImportReport>,
    exports: Vec<String>,
    entry: drydock_protocol::manifest::EntryPoints,
    memory_bytes: u64,
    memory_max_bytes: Option<u64>,
    page_bytes: u32,
    table_elements: u64,
    operators: u64,
    data_bytes: u64,
    wanted: Vec<Capability>,
    uses_gpio: bool,
    problems: Vec<(UploadRefusal, String)>,
}

impl ModuleScan {
    /// Walks through a valid module and copies all but its custom sections.
    fn walk(&mut self, binary: &[u8]) -> Result<Vec<u8>, wasmparser::BinaryReaderError> {
        let mut stripped = Vec::with_capacity(binary.len());
        stripped.extend_from_slice(b"\0asm\x01\0\0\0");
        self.page_bytes = 65_536;
        for payload in Parser::new(0).parse_all(binary) {
            let payload = payload?;
            if let Some((id, range)) = payload.as_section()
                && id != 0
            {
                let content = usize::try_from(range.start).ok().zip(usize::try_from(range.end).ok());
                copy_section(
                    &mut stripped,
                    id,
                    content.map_or(&[], |(start, end)| &binary[start..end]),
                );
            }
            match payload {
                Payload::Version {
                    encoding: Encoding::Component,
                    ..
                } => {
                    let problem = "it is a component and boards run core modules: build it as one";
                    self.problem(UploadRefusal::NotWasm, problem);
                }
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
                        self.table_elements = self.table_elements.saturating_add(table?.ty.initial);
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
                Payload::CodeSectionEntry(body) => {
                    for operator in body.get_operators_reader()? {
                        operator?;
                        self.operators += 1;
                    }
                }
                Payload::DataSection(segments) => {
                    for segment in segments {
                        self.data_bytes += segment?.data.len() as u64;
                    }
                }
                Payload::StartSection { .. } => {
                    let problem = "it has a start function, which boards do not run: export it as _start or init";
                    self.problem(UploadRefusal::NoEntryPoint, problem);
                }
                _ => {}
            }
        }
        Ok(stripped)
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
            let problem = match call {
                Some(_) => format!(
                    "it imports {full_name} with another type than boards have: build it against this guest SDK"
                ),
                None => format!("it imports {full_name}, which boards do not have: use the calls of the guest SDK"),
            };
            self.problem(UploadRefusal::UnknownImport, &problem);
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

/// The word for what a host call belongs to.
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write as _;

    /// Functions of one kind of code, so many of them.
    fn module_of(functions: usize, body: impl Fn(usize) -> String) -> Vec<u8> {
        let mut text = String::from("(module (memory 4096 (pagesize 1))");
        for number in 0..functions {
            let _ = write!(text, "(func (param i32) (result i32) (local i32) {})", body(number));
        }
        text.push_str(r#"(func (export "init")) (func (export "tick")))"#);
        text.into_bytes()
    }

    /// What the emulated Nano 33 BLE reports as the heap of such apps (its metrics, firmware 0.1.0). Much arithmetic with large
    /// constants is overrated, because the device itself reckons with four times the module.
    #[test]
    fn the_heap_is_estimated_from_above_and_not_by_far() {
        let arithmetic = |number: usize| {
            let steps: String = (0..15)
                .map(|step| format!(" i32.const {} i32.xor", 0x0100_0000 + number * 4099 + step))
                .collect();
            format!("local.get 0 {steps} i32.const 77 i32.mul")
        };
        let loads = |_| {
            let steps: String = (0..9)
                .map(|step| {
                    format!(
                        "(local.set 1 (i32.add (local.get 1) (i32.load offset={} (local.get 0))))",
                        step * 4
                    )
                })
                .collect();
            format!("{steps} local.get 1")
        };
        let branches = |_| {
            let steps: String = (0..10)
                .map(|step| {
                    format!(
                        "(if (i32.eqz (local.get 0)) (then (local.set 0 (i32.const {}))))",
                        step * 1000
                    )
                })
                .collect();
            format!("{steps} local.get 0")
        };
        let check = |module: Vec<u8>, measured: u32, most_percent: u32| {
            let report = analyze(&module, 1 << 20).expect("a module").report;
            let percent = report.heap_bytes * 100 / measured;
            assert!(
                (100..=most_percent).contains(&percent),
                "{} for {measured}",
                report.heap_bytes
            );
        };
        check(module_of(32, arithmetic), 22_928, 135);
        check(module_of(128, arithmetic), 48_176, 150);
        check(module_of(32, loads), 26_000, 130);
        check(module_of(128, loads), 60_464, 130);
        check(module_of(32, branches), 32_352, 130);
        check(module_of(128, branches), 83_712, 130);
    }
}
