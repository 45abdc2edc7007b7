//! Analyses a module: imports, exports, memory, the capabilities that it wants. Nothing is stored or signed here.

use super::{foreign_file, scan::ModuleScan, toolchain::Toolchain};
use crate::{
    domain::{Digest, ModuleReport},
    error::UploadRefusal,
};
use drydock_protocol::{manifest::EntryPoints, section::Section};
use ring::digest::{SHA256, digest};
use std::borrow::Cow;
use wasmparser::BinaryReaderError;

/// Heap of a device, in bytes, that an app uses besides code, memory and stack: engine, store, linked calls.
const HEAP_FIXED_BYTES: u64 = 8 * 1024;
/// Factor by which any module grows when a device compiles it: the device itself assumes at least this.
const HEAP_PER_MODULE_BYTE: u64 = 4;
/// Heap of a device for the code of two operators: 8.0 bytes each for arithmetic, 8.7 for branches, 9.2 for loads,
/// measured on the emulated Nano 33 BLE.
const HEAP_PER_TWO_OPERATORS: u64 = 19;
/// Heap of one table element.
const HEAP_PER_TABLE_ELEMENT: u64 = 8;
/// Call stack of an app whose module requests no other size.
pub(super) const DEFAULT_STACK_BYTES: u32 = 4 * 1024;

/// The header of a component (Component Model, binary format): the version of a layer above core modules.
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

/// A module as it would be sent, with the results of the analysis.
pub(crate) struct AnalyzedModule {
    /// Without names and debug information.
    pub(crate) module: Vec<u8>,
    pub(crate) report: ModuleReport,
    pub(crate) section: Section,
    pub(crate) entry: EntryPoints,
    /// The class of the first problem.
    pub(crate) first_problem: Option<UploadRefusal>,
}

/// Analyses a module in binary or text form, and removes its names and debug information.
///
/// # Errors
/// Half a sentence that begins with "it": why there is nothing to report.
pub(crate) fn analyze(given: &[u8], max_bytes: usize) -> Result<AnalyzedModule, String> {
    let from_text = !given.starts_with(b"\0asm");
    // Text and debug information may be larger than the module that is sent, but not without limit.
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
    if binary.starts_with(COMPONENT) {
        return Err(
            "it is a component and boards run core modules: build a core module, for wasm32-unknown-unknown or wasm32-wasip1"
                .to_owned(),
        );
    }
    let mut found = ModuleScan::default();
    let module = found.walk(&binary).map_err(|error| invalid(&binary, &error))?;
    let mut problems = found.problems;
    let section = match Section::of_module(&binary) {
        Ok(section) => section.unwrap_or_default(),
        Err(error) => {
            let problem = format!("{error}: fix its drydock section and build it again");
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
        let way_out = found.toolchain.with_entry_points();
        let problem = format!("it exports nothing that boards call: {way_out}");
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

/// Total heap that an app needs on a device. The device assumes the same minimum before it accepts.
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

/// The disabled proposal that a validator's message names, if it names one.
fn lacking_feature(message: &str) -> Option<&str> {
    if message.contains("SIMD") {
        return Some("SIMD");
    }
    if message.contains("multiple memories") {
        return Some("multiple memories");
    }
    let feature = [
        "support is not enabled",
        "proposal not enabled",
        "proposal not supported",
    ]
    .iter()
    .find_map(|end| message.strip_suffix(end))
    .or_else(|| message.split_once(" must be enabled").map(|(feature, _)| feature))
    .or_else(|| message.split_once("require the ").map(|(_, feature)| feature))
    .or_else(|| message.split_once("requires the ").map(|(_, feature)| feature))?;
    let feature = feature.trim().trim_start_matches("the ");
    Some(feature.strip_suffix(" proposal").unwrap_or(feature))
}

/// Explains why a module does not validate: it uses a proposal that boards do not run, or it is damaged.
fn invalid(binary: &[u8], error: &BinaryReaderError) -> String {
    let message = error.message();
    let way_out = Toolchain::of_invalid(binary).without_features();
    if let Some(feature) = lacking_feature(message) {
        return format!("it uses {feature}, which boards do not run: {way_out}");
    }
    format!("it is no valid WebAssembly for boards ({message}): copy it again, or {way_out}")
}

fn parse_text(given: &[u8]) -> Result<Cow<'_, [u8]>, String> {
    let text = std::str::from_utf8(given).ok();
    let text = text.filter(|text| text.trim_start().starts_with(['(', ';']));
    let text = text.ok_or_else(|| foreign_file::describe(given))?;
    wat::parse_str(text).map(Cow::Owned).map_err(|error| {
        let text = error.to_string();
        let first: Vec<&str> = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .take(2)
            .collect();
        format!("its text has an error ({}): fix it there", first.join(" "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write as _;

    #[test]
    fn a_proposal_that_boards_lack_is_named() {
        for (module, feature) in [
            ("(func (drop (i32x4.splat (i32.const 1))))", "SIMD"),
            ("(memory 1 1 shared)", "threads"),
            ("(memory i64 1)", "memory64"),
            ("(memory 1) (memory 1)", "multiple memories"),
            ("(tag)", "exceptions"),
        ] {
            let text = format!("(module {module})");
            let reason = analyze(text.as_bytes(), 1 << 20).err().expect("a refusal");
            assert!(
                reason.starts_with(&format!("it uses {feature}, which boards do not run: ")),
                "{reason}"
            );
        }
    }

    /// A module of this many functions with the same kind of code.
    fn module_of(functions: usize, body: impl Fn(usize) -> String) -> Vec<u8> {
        let mut text = String::from("(module (memory 4096 (pagesize 1))");
        for number in 0..functions {
            let _ = write!(text, "(func (param i32) (result i32) (local i32) {})", body(number));
        }
        text.push_str(r#"(func (export "init")) (func (export "tick")))"#);
        text.into_bytes()
    }

    /// The heap that the emulated Nano 33 BLE reports for such apps (its metrics, firmware 0.1.0). Much arithmetic with
    /// large constants is overestimated, because the device itself assumes four times the module.
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
