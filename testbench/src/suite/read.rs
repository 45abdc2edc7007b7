//! The tests that an ELF file of the crate `embedded-test` declares (protocol 1, from its version 0.7 on).
//!
//! Its linker script collects one static for each test in the section `.embedded_test`, which is not loaded. The static's
//! symbol is a JSON object; its value is the address of the test and the path of its module (pointer and length).

use super::{NoSuite, Test};
use object::{Object as _, ObjectSection as _, ObjectSymbol as _, SymbolKind};
use serde::Deserialize;
use std::time::Duration;

const SECTION: &str = ".embedded_test";
const VERSION_SYMBOL: &str = "EMBEDDED_TEST_VERSION";
/// The protocol that is spoken here.
const VERSION: u32 = 1;
/// Address, pointer and length, of 32 bits each.
const VALUE_BYTES: u64 = 12;
/// How long a test may take that says nothing else, as under probe-rs.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);
/// Longest limit of a test.
const MAX_TIMEOUT: u64 = 24 * 3600;
/// Tests of one file.
const MAX_TESTS: usize = 10_000;

/// What a symbol says about its test.
#[derive(Deserialize)]
struct Declared {
    name: String,
    ignored: bool,
    should_panic: bool,
    /// Seconds.
    timeout: Option<u64>,
}

/// The tests of a file, in the order of their names; `None` if it declares none.
///
/// # Errors
/// [`NoSuite`]: another protocol, or a damaged table.
pub(super) fn tests(file: &[u8]) -> Result<Option<Vec<Test>>, NoSuite> {
    // What is no ELF file is a program without tests; the loader says what is wrong with it, if something is.
    let Ok(elf) = object::File::parse(file) else {
        return Ok(None);
    };
    let Some(section) = elf.section_by_name(SECTION) else {
        return Ok(None);
    };
    let word = |address: u64| {
        let bytes = section.data_range(address, 4).ok().flatten()?;
        let word = u32::from_le_bytes(bytes.try_into().ok()?);
        Some(word)
    };
    let version = elf.symbols().find(|symbol| symbol.name() == Ok(VERSION_SYMBOL));
    let version = version
        .and_then(|symbol| word(symbol.address()))
        .ok_or(NoSuite::Version(None))?;
    if version != VERSION {
        return Err(NoSuite::Version(Some(version)));
    }
    let mut tests = Vec::new();
    for symbol in elf.symbols() {
        let is_test = symbol.section_index() == Some(section.index())
            && symbol.kind() == SymbolKind::Data
            && symbol.size() == VALUE_BYTES;
        if !is_test {
            continue;
        }
        let text = symbol
            .name()
            .map_err(|_| NoSuite::Damaged("a test has no name".into()))?;
        let declared: Declared = serde_json::from_str(text)
            .map_err(|error| NoSuite::Damaged(format!("a test's symbol is no JSON: {error}")))?;
        let value = |index: u64| word(symbol.address() + 4 * index);
        let (Some(address), Some(path), Some(length)) = (value(0), value(1), value(2)) else {
            return Err(NoSuite::Damaged(format!(
                "the test {} lies outside its section",
                declared.name
            )));
        };
        if tests.len() == MAX_TESTS {
            return Err(NoSuite::Damaged(format!("it has more than {MAX_TESTS} tests")));
        }
        let name = match module(&elf, path, length) {
            Some(module) => format!("{module}::{}", declared.name),
            None => declared.name,
        };
        // It is printed as it is.
        if name.chars().any(char::is_control) {
            return Err(NoSuite::Damaged(format!("a test is called {name:?}")));
        }
        tests.push(Test {
            name,
            is_ignored: declared.ignored,
            should_panic: declared.should_panic,
            timeout: declared
                .timeout
                .map_or(DEFAULT_TIMEOUT, |seconds| Duration::from_secs(seconds.min(MAX_TIMEOUT))),
            address,
        });
    }
    tests.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(Some(tests))
}

/// The path of a test's module without the crate, as Rust's own harness shows it. The text is a constant of the program.
fn module(elf: &object::File<'_>, address: u32, length: u32) -> Option<String> {
    let (address, length) = (u64::from(address), u64::from(length));
    let bytes = elf
        .sections()
        .find_map(|section| section.data_range(address, length).ok().flatten())?;
    let path = std::str::from_utf8(bytes).ok()?;
    let (_, module) = path.split_once("::")?;
    Some(module.to_owned())
}
