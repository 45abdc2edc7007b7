//! Checks `docs/cycle-model.md` for the Cortex-M4, measured with CYCCNT as a program would.

use super::{MAIN, Rig};
use crate::core::arm::{Limits, cycles};
use crate::core::fabric::ResetKind;

const PAGE: &str = include_str!("../../../../../docs/cycle-model.md");
const DWT_CTRL: u32 = 0xe000_1000;
const DWT_CYCCNT: u32 = DWT_CTRL + 4;
const CPACR: u32 = 0xe000_ed88;
/// Its TRCENA, bit 24, lets CYCCNT count.
const DEMCR: u32 = 0xe000_edfc;
const DATA: u32 = 0x2000_0800;
const STACK: u32 = 0x2000_0c00;
/// The cost of `ldr rN, [r0]`.
const LOAD: u32 = 2;

/// Class, encoding and cycles of each row of a section.
fn rows(section: &str) -> Vec<(&'static str, Vec<u16>, u32)> {
    let begin = PAGE.find(&format!("## {section}")).expect("the section");
    let text = &PAGE[begin + 3..];
    let text = &text[..text.find("\n## ").unwrap_or(text.len())];
    let cells = text
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| class"));
    cells
        .map(|line| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            let halves = cells[3].trim_matches('`').split(' ');
            let halves = halves
                .map(|half| u16::from_str_radix(half, 16).expect("hexadecimal"))
                .collect();
            (cells[1], halves, cells[4].parse().expect("a number"))
        })
        .collect()
}

/// Cycles between two reads of CYCCNT around an instruction.
fn measured(encoding: &[u16]) -> u32 {
    // str r8, [r10]; str r12, [r11]; str r7, [r6]; ldr r1, [r0]
    let mut code = vec![0xf8ca, 0x8000, 0xf8cb, 0xc000, 0x6037, 0x6801];
    code.extend(encoding);
    if encoding[0] & 0xf500 == 0xb100 {
        // CBZ and CBNZ reach no nearer than behind the next instruction.
        code.push(0xbf00);
    }
    let next = MAIN + 2 * code.len() as u32;
    // ldr r2, [r0]
    code.push(0x6802);
    let mut rig = Rig::with_fp(&code);
    rig.core.reset(ResetKind::Pin);
    for at in 0..16 {
        rig.word(STACK + 4 * at, next | 1);
    }
    let registers = [
        ("r0", DWT_CYCCNT),
        ("r3", 0),
        ("r4", next | 1),
        ("r5", DATA),
        ("r6", DWT_CTRL),
        ("r7", 1),
        ("r8", 0xf << 20),
        ("r9", 0),
        ("r10", CPACR),
        ("r11", DEMCR),
        ("r12", 1 << 24),
        ("sp", STACK),
        ("pc", MAIN),
    ];
    for (name, value) in registers {
        rig.core.write_register(name, value).expect("the register");
    }
    let begin = rig.core.instructions();
    rig.core.run(Limits::instructions(begin + 6));
    assert_eq!(rig.faults(), [] as [String; 0], "{encoding:04x?}");
    rig.r(2).wrapping_sub(rig.r(1)).wrapping_sub(LOAD)
}

#[test]
fn every_class_costs_what_the_page_says() {
    let rows = rows("Cortex-M4");
    assert!(rows.len() > 50, "{}", rows.len());
    for (class, encoding, said) in rows {
        assert_eq!(measured(&encoding), said, "{class} {encoding:04x?}");
    }
}

#[test]
fn exceptions_cost_what_the_page_says() {
    let said = format!(
        "Exceptions: entry {}, return {}, from one to the next without return {}.",
        cycles::EXCEPTION_ENTRY,
        cycles::EXCEPTION_RETURN,
        cycles::TAIL_CHAIN
    );
    assert!(PAGE.contains(&said), "{said}");
}
