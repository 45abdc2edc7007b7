//! Checks `docs/cycle-model.md` for RV32, measured with `mcycle` as a program would.

use super::{MAIN, RAM, Rig};
use crate::core::fabric::ResetKind;
use crate::core::limits::Limits;

const PAGE: &str = include_str!("../../../../../docs/cycle-model.md");
/// `csrr a0, mcycle` and `csrr a1, mcycle`, and what each costs.
const BEFORE: u32 = 0xb000_2573;
const BEHIND: u32 = 0xb000_25f3;
const READ: u32 = 2;

/// Class, encoding and cycles of each row.
fn rows() -> Vec<(&'static str, u32, u32)> {
    let text = &PAGE[PAGE.find("## RV32").expect("the section")..];
    let cells = text
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| class"));
    cells
        .map(|line| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            let word = u32::from_str_radix(cells[3].trim_matches('`'), 16).expect("hexadecimal");
            (cells[1], word, cells[4].parse().expect("a number"))
        })
        .collect()
}

#[test]
fn every_class_costs_what_the_page_says() {
    let rows = rows();
    assert!(rows.len() > 20, "{}", rows.len());
    for (class, word, said) in rows {
        let mut rig = Rig::new(&[BEFORE, word, BEHIND]);
        rig.core.reset(ResetKind::Pin);
        for (name, value) in [("a4", RAM), ("a5", RAM), ("a6", MAIN + 8)] {
            rig.core.write_register(name, value).expect("the register");
        }
        let begin = rig.core.instructions();
        rig.core.run(Limits::instructions(begin + 3));
        assert_eq!(rig.faults(), [] as [String; 0], "{class} {word:08x}");
        assert_eq!(rig.x(11) - rig.x(10) - READ, said, "{class} {word:08x}");
    }
}
