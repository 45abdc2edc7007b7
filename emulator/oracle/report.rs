//! `docs/conformance/`: what was compared and how often, written by the runs themselves, and the test that the pages
//! name exactly what there is to compare.
//!
//! `DRYDOCK_CONFORMANCE_REPORT=DIR` has each test that agrees write its page there; `./x conformance builtin --long` sets it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use libtest_mimic::{Failed, Trial};

use crate::exceptions;

/// What a page is about.
pub(crate) struct Page<'a> {
    /// Its file, without `.md`.
    pub(crate) name: &'a str,
    pub(crate) title: &'a str,
    /// What was compared with what, in sentences.
    pub(crate) about: String,
    /// Heads of the two columns.
    pub(crate) columns: [&'a str; 2],
    pub(crate) rows: &'a [(String, u64)],
}

/// Writes the page, if one is wanted.
pub(crate) fn write(page: &Page<'_>) -> Result<(), Failed> {
    let Some(folder) = std::env::var_os("DRYDOCK_CONFORMANCE_REPORT") else {
        return Ok(());
    };
    let folder = PathBuf::from(folder);
    std::fs::create_dir_all(&folder)?;
    Ok(std::fs::write(folder.join(format!("{}.md", page.name)), text(page))?)
}

fn text(page: &Page<'_>) -> String {
    let mut text = format!(
        "# {}\n\n<!-- Written by `./x conformance builtin --long`; do not edit. -->\n\n{}\n\n",
        page.title, page.about
    );
    let _ = write!(text, "| {} | {} |\n|---|---:|\n", page.columns[0], page.columns[1]);
    for (name, count) in page.rows {
        let _ = writeln!(text, "| {name} | {} |", grouped(*count));
    }
    text
}

/// 1,234,567.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The test of the pages; it needs neither Unicorn nor QEMU.
pub(crate) fn trial() -> Trial {
    Trial::test("the_reports_name_what_there_is", || {
        let arm: Vec<String> = crate::generate::Classes::default()
            .counts()
            .map(|(name, _)| name.to_owned())
            .collect();
        let riscv: Vec<String> = crate::riscv::classes().map(str::to_owned).collect();
        check("arm", &arm, crate::PER_CLASS)?;
        check("riscv", &riscv, crate::PER_CLASS)?;
        for name in exceptions::NAMES {
            check(&format!("{name}-exceptions"), &exceptions::cases(name)?, 1)?;
        }
        Ok(())
    })
}

/// The page has these rows, in this order, and each was compared often enough.
fn check(page: &str, expected: &[String], at_least: u64) -> Result<(), Failed> {
    const RENEW: &str = "renew it with `./x conformance builtin --long`";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../docs/conformance/{page}.md"));
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}; {RENEW}", path.display()))?;
    let rows: Vec<(&str, u64)> = text.lines().filter_map(row).collect();
    let names: Vec<&str> = rows.iter().map(|row| row.0).collect();
    if names != expected {
        let missing: Vec<&String> = expected.iter().filter(|name| !names.contains(&name.as_str())).collect();
        let gone: Vec<&&str> = names
            .iter()
            .filter(|name| !expected.iter().any(|it| it == **name))
            .collect();
        return Err(format!("docs/conformance/{page}.md is stale: missing {missing:?}, gone {gone:?}; {RENEW}").into());
    }
    match rows.iter().find(|row| row.1 < at_least) {
        Some((name, count)) => Err(format!("{page}: {name} was compared only {count} times").into()),
        None => Ok(()),
    }
}

/// `| name | 1,234 |`
fn row(line: &str) -> Option<(&str, u64)> {
    let (name, count) = line.strip_prefix("| ")?.strip_suffix(" |")?.rsplit_once(" | ")?;
    Some((name, count.replace(',', "").parse().ok()?))
}
