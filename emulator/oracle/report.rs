//! `docs/conformance/`: the comparisons and their counts, written by the runs themselves, and a test that the pages
//! list exactly the existing comparisons.
//!
//! `DRYDOCK_CONFORMANCE_REPORT=DIR` makes each passing test write its page there; `./x conformance --long` sets it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use libtest_mimic::{Failed, Trial};

use crate::exceptions;

/// Parts of Arm that are not compared with Unicorn, and how they are checked instead.
pub(crate) const ARM_LEFT_OUT: [(&str, &str); 9] = [
    (
        "SMLAD whose two products alone overflow (all four halves 0x8000)",
        "Unicorn sets Q for the sum of the products, DDI 0403E for that with Ra; the manual is followed, and held by \
         `a_dual_multiply_saturates_by_the_sum_of_all_three`.",
    ),
    (
        "VCVT from fixed-point with another rounding mode than to nearest",
        "Unicorn goes by FPSCR, DDI 0403E A7.7.228 rounds to nearest always; RMode is cleared before.",
    ),
    (
        "CONTROL's bit 3",
        "Unicorn's Cortex-M4 has SFPA of ARMv8-M there, and begins a floating-point context anew when it is cleared; \
         DDI 0403E B1.4.4 has it reserved. It is written as one and left out of what is read.",
    ),
    (
        "ISB in an IT block",
        "Unicorn forgets the block's state there and executes what it skips; DDI 0403E allows ISB in it.",
    ),
    (
        "YIELD, WFE, WFI",
        "They end a run of Unicorn; sleep and events have tests of their own (`arm/tests/sleep.rs`).",
    ),
    (
        "SVC, BKPT, UDF, absent coprocessors, faults, returns from exceptions",
        "Unicorn has no exceptions; they are stepped beside QEMU ([arm-exceptions.md](arm-exceptions.md)).",
    ),
    (
        "B.W and BL farther than the window of 512 KiB",
        "The decoder is held to GNU as for them (`encodings_mean_what_the_assembler_says`).",
    ),
    (
        "GE as it is at the start, and BASEPRI's lower bits",
        "Unicorn does not take GE from outside and has eight bits of priority: programs set GE themselves, and levels of three \
         bits.",
    ),
    (
        "Encodings the manual calls UNPREDICTABLE",
        "The engine takes those it can tell as undefined; Unicorn executes some.",
    ),
];
/// The same for RISC-V.
pub(crate) const RISCV_LEFT_OUT: [(&str, &str); 3] = [
    (
        "mepc's lowest bit",
        "Unicorn keeps it when written, priv 3.1.14 has it zero; held by the engine's own tests of CSRs.",
    ),
    (
        "ECALL, EBREAK, MRET, WFI, illegal instructions, misaligned and missing addresses",
        "Unicorn stops at them; they are stepped beside QEMU ([riscv-exceptions.md](riscv-exceptions.md)).",
    ),
    (
        "CSRs but mscratch and mtval",
        "Their fields differ from chip to chip, and counters with the engine; `riscv/tests/csrs.rs` has them.",
    ),
];

/// A page's name for the compared engine.
pub(crate) fn name(architecture: &str) -> String {
    match cfg!(feature = "safe") {
        true => format!("{architecture}-safe"),
        false => architecture.to_owned(),
    }
}

/// The content of a page.
pub(crate) struct Page<'a> {
    /// Its file, without `.md`.
    pub(crate) name: &'a str,
    pub(crate) title: &'a str,
    /// What the comparison covers, in sentences.
    pub(crate) about: String,
    /// Heads of the two columns.
    pub(crate) columns: [&'a str; 2],
    pub(crate) rows: &'a [(String, u64)],
    /// Parts that are not compared here, and why.
    pub(crate) left_out: &'a [(&'a str, &'a str)],
}

/// Writes the page, if it is requested.
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
        "# {}\n\n<!-- Written by `./x conformance --long`; do not edit. -->\n\n{}\n\n",
        page.title, page.about
    );
    let _ = write!(text, "| {} | {} |\n|---|---:|\n", page.columns[0], page.columns[1]);
    for (name, count) in page.rows {
        let _ = writeln!(text, "| {name} | {} |", grouped(*count));
    }
    if !page.left_out.is_empty() {
        text.push_str("\nNot compared here:\n\n");
    }
    for (what, why) in page.left_out {
        let _ = writeln!(text, "- **{what}:** {why}");
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
        for build in ["", "-safe"] {
            check(&format!("arm{build}"), &arm, crate::PER_CLASS)?;
            check(&format!("riscv{build}"), &riscv, crate::PER_CLASS)?;
        }
        for name in exceptions::NAMES {
            check(&format!("{name}-exceptions"), &exceptions::cases(name)?, 1)?;
        }
        Ok(())
    })
}

/// The page has these rows, in this order, and each was compared often enough.
fn check(page: &str, expected: &[String], at_least: u64) -> Result<(), Failed> {
    const RENEW: &str = "renew it with `./x conformance --long`";
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
