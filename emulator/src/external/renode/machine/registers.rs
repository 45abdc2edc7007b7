//! Maps our names of a Cortex-M's registers to Renode's numbers.

use crate::machine::RegisterInfo;

/// Renode's number of the register called `name`.
pub(super) fn number(name: &str) -> Option<u8> {
    let found = REGISTERS.iter().find(|(register, _)| register.name == name);
    found.map(|(_, number)| *number)
}

const fn register(name: &'static str, index: u8) -> (RegisterInfo, u8) {
    (RegisterInfo { name, bits: 32 }, index)
}

const REGISTERS: [(RegisterInfo, u8); 20] = [
    register("r0", 0),
    register("r1", 1),
    register("r2", 2),
    register("r3", 3),
    register("r4", 4),
    register("r5", 5),
    register("r6", 6),
    register("r7", 7),
    register("r8", 8),
    register("r9", 9),
    register("r10", 10),
    register("r11", 11),
    register("r12", 12),
    register("sp", 13),
    register("lr", 14),
    register("pc", 15),
    register("xpsr", 25),
    register("control", 18),
    register("basepri", 19),
    register("primask", 28),
];

/// The registers, in our order.
pub(super) const REGISTER_INFOS: [RegisterInfo; REGISTERS.len()] = {
    let mut infos = [RegisterInfo { name: "", bits: 0 }; REGISTERS.len()];
    let mut index = 0;
    while index < infos.len() {
        infos[index] = REGISTERS[index].0;
        index += 1;
    }
    infos
};
