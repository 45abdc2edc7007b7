//! Snapshot files, which users pass to each other.

use std::sync::OnceLock;

use drydock_assets::Board;
use drydock_emulator::builtin::engine::Builtin;
use drydock_emulator::snapshot_file::{self, Header};
use drydock_emulator::{Engine, Image, RunLimit, Seed, VirtualTime};

/// Uses the input as a file, as a state with a valid header and digest, and as damage to a good state. An accepted file
/// has the state that its header describes, and the machine runs.
pub fn snapshot_file(data: &[u8]) {
    let (board, image, header, state) = good();
    let _ = snapshot_file::inspect(data);
    let _ = snapshot_file::load(&Builtin, board, image, data);
    take(&snapshot_file::assemble(header, data));
    if let [low, high, damage @ ..] = data {
        let at = usize::from(u16::from_le_bytes([*low, *high])) % state.len();
        let mut state = state.clone();
        for (byte, damage) in state[at..].iter_mut().zip(damage) {
            *byte ^= damage;
        }
        take(&snapshot_file::assemble(header, &state));
    }
}

fn take(file: &[u8]) {
    let (board, image, header, _) = good();
    let Ok(mut machine) = snapshot_file::load(&Builtin, board, image, file) else {
        return;
    };
    let snapshots = machine.snapshots().expect("the builtin engine has snapshots");
    assert_eq!(snapshots.state_hash().expect("it does not fail"), header.state_hash);
    let until = machine.now().saturating_add(VirtualTime::from_us(50));
    let _ = machine.run(RunLimit::until(until));
}

/// A machine that counts, after a while.
fn good() -> &'static (Board, Image, Header, Vec<u8>) {
    static GOOD: OnceLock<(Board, Image, Header, Vec<u8>)> = OnceLock::new();
    GOOD.get_or_init(|| {
        let board = drydock_assets::board("nano33ble").expect("the board is there");
        let ram = board.chip.ram[0].base;
        // adds r0, #1; str r0, [r1]; b .-4
        let image = Image::from_bin(ram, [0x01, 0x30, 0x08, 0x60, 0xfc, 0xe7]);
        let mut machine = Builtin.open(&board, Seed([1; 32])).expect("it opens");
        machine.load(&image).expect("it fits");
        for (register, value) in [("pc", ram), ("r1", ram + 0x400), ("xpsr", 1 << 24)] {
            machine
                .write_register(register, value.into())
                .expect("the register is there");
        }
        let _ = machine.run(RunLimit::until(VirtualTime::from_us(500)));
        let file = snapshot_file::save(&Builtin, &board, &image, &mut *machine).expect("it is saved");
        let header = snapshot_file::inspect(&file).expect("it is whole");
        let header_bytes = u32::from_le_bytes([file[10], file[11], file[12], file[13]]) as usize;
        let state = file[14 + header_bytes..file.len() - 32].to_vec();
        (board, image, header, state)
    })
}
