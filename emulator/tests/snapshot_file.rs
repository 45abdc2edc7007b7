//! Snapshot files: a loaded state continues exactly as the saved one would have, on every board. Invalid files are
//! refused with a sentence.

use drydock_assets::Board;
use drydock_emulator::builtin::engine::Builtin;
use drydock_emulator::snapshot_file::{self, Header, SnapshotFileError};
use drydock_emulator::{Engine, Image, Machine, ResetKind, RunLimit, Seed, StopReason, VirtualTime};
use proptest::prelude::*;

const SEED: Seed = Seed([5; 32]);

fn boards() -> Vec<Board> {
    let boards = drydock_assets::boards();
    boards.into_iter().filter(|board| Builtin.supports(board)).collect()
}

/// The board's firmware, or a loop in RAM if it has none.
fn boot(board: &Board) -> (Image, Box<dyn Machine>) {
    let Ok(firmware) = drydock_embedded::firmware(&board.name) else {
        return count(board);
    };
    let mut machine = Builtin.open(board, SEED).expect("the board opens");
    let image = Image::from_elf(firmware.elf).expect("the firmware is an image");
    machine.load(&image).expect("the firmware fits");
    machine.reset(ResetKind::PowerOn).expect("it resets");
    (image, machine)
}

/// A loop in RAM that counts.
fn count(board: &Board) -> (Image, Box<dyn Machine>) {
    let mut machine = Builtin.open(board, SEED).expect("the board opens");
    let ram = board.chip.ram[0].base;
    let arm = machine.registers().iter().any(|register| register.name == "xpsr");
    let (code, pointer): (&[u8], _) = if arm {
        (&[0x01, 0x30, 0x08, 0x60, 0xfc, 0xe7], "r1")
    } else {
        (
            &[0x93, 0x82, 0x12, 0, 0x23, 0x20, 0x53, 0, 0x6f, 0xf0, 0x9f, 0xff],
            "t1",
        )
    };
    let image = Image::from_bin(ram, code);
    machine.load(&image).expect("the loop fits");
    for (register, value) in [("pc", ram), (pointer, ram + 0x400)] {
        machine
            .write_register(register, value.into())
            .expect("the register is there");
    }
    if arm {
        machine.write_register("xpsr", 1 << 24).expect("the register is there");
    }
    (image, machine)
}

fn hash(machine: &mut dyn Machine) -> u64 {
    let snapshots = machine.snapshots().expect("the builtin engine has snapshots");
    snapshots.state_hash().expect("it does not fail")
}

fn run_us(machine: &mut dyn Machine, us: u64) {
    let until = machine.now() + VirtualTime::from_us(us);
    while machine.now() < until {
        match machine.run(RunLimit::until(until)).expect("it runs") {
            StopReason::Deadline | StopReason::Reset(_) => {}
            reason => panic!("it stopped: {reason:?}, {:?}", machine.take_faults()),
        }
    }
}

fn save(board: &Board, image: &Image, machine: &mut dyn Machine) -> Vec<u8> {
    snapshot_file::save(&Builtin, board, image, machine).expect("it is saved")
}

fn load(board: &Board, image: &Image, file: &[u8]) -> Result<Box<dyn Machine>, SnapshotFileError> {
    snapshot_file::load(&Builtin, board, image, file)
}

#[test]
fn a_loaded_machine_goes_on_as_the_saved_one_would_have_on_every_board() {
    for board in boards() {
        let (image, mut machine) = boot(&board);
        // Early in the boot, in the middle of it, and while it waits or works.
        for us in [37, 4_999, 60_001, 200_000] {
            run_us(&mut *machine, us);
            let file = save(&board, &image, &mut *machine);
            let mut second = load(&board, &image, &file).expect("the file is taken");
            assert_eq!(second.info(), machine.info());
            assert_eq!(second.instructions(), machine.instructions(), "{}", board.name);
            run_us(&mut *machine, 20_011);
            run_us(&mut *second, 20_011);
            assert_eq!(second.instructions(), machine.instructions(), "{}", board.name);
            assert!(machine.instructions() > 100, "{} runs something", board.name);
            assert_eq!(hash(&mut *second), hash(&mut *machine), "{} after {us} µs", board.name);
            // The states that both save afterwards are equal, too.
            assert!(save(&board, &image, &mut *second) == save(&board, &image, &mut *machine));
        }
    }
}

/// A billion instructions in one go, and with a file in between seven times, each time in a separate machine.
#[test]
#[ignore = "a billion instructions, twice"]
fn a_billion_instructions_across_files() {
    let board = drydock_assets::board("nano33ble").expect("the board is there");
    let (image, mut machine) = count(&board);
    while machine.instructions() < 1_000_000_000 {
        run_us(&mut *machine, 1_000_000);
    }
    let end = machine.now();
    let mut hops = count(&board).1;
    for hop in 1..=7 {
        let to = VirtualTime::from_ps(end.as_ps() / 7 * hop);
        while hops.now() < to {
            hops.run(RunLimit::until(to)).expect("it runs");
        }
        let file = save(&board, &image, &mut *hops);
        hops = load(&board, &image, &file).expect("the file is taken");
    }
    while hops.now() < end {
        hops.run(RunLimit::until(end)).expect("it runs");
    }
    assert_eq!(hops.instructions(), machine.instructions());
    assert_eq!(hash(&mut *hops), hash(&mut *machine));
}

#[test]
fn input_that_is_on_its_way_is_part_of_the_state() {
    let board = drydock_assets::board("nano33ble").expect("the board is there");
    let (image, mut machine) = boot(&board);
    run_us(&mut *machine, 50_000);
    machine.uart_input(0, b"half a frame").expect("the UART takes it");
    let file = save(&board, &image, &mut *machine);
    let mut second = load(&board, &image, &file).expect("the file is taken");
    assert!(second.uart_busy());
    run_us(&mut *machine, 30_000);
    run_us(&mut *second, 30_000);
    assert_eq!(hash(&mut *second), hash(&mut *machine));
}

#[test]
fn a_file_holds_what_differs_from_the_image_only() {
    let board = drydock_assets::board("nano33ble").expect("the board is there");
    let (image, mut machine) = boot(&board);
    let fresh = save(&board, &image, &mut *machine);
    assert!(
        fresh.len() < 64 * 1024,
        "{} bytes before the first instruction",
        fresh.len()
    );
    run_us(&mut *machine, 200_000);
    let later = save(&board, &image, &mut *machine);
    assert!(
        later.len() < image.bytes(),
        "{} bytes, the image has {}",
        later.len(),
        image.bytes()
    );
}

#[test]
fn what_is_of_something_else_is_refused_with_a_sentence() {
    let board = drydock_assets::board("nano33ble").expect("the board is there");
    let (image, mut machine) = boot(&board);
    run_us(&mut *machine, 1_000);
    let file = save(&board, &image, &mut *machine);
    let refusal = |board: &Board, image: &Image, file: &[u8]| match load(board, image, file) {
        Ok(_) => panic!("it is taken"),
        Err(error) => error.to_string(),
    };

    let mut other_version = file.clone();
    other_version[8] = 1;
    assert_eq!(
        refusal(&board, &image, &other_version),
        "this snapshot has version 1 of the format, this Drydock reads version 5"
    );
    let damaged = "this snapshot is damaged: it is cut short or its bytes were changed";
    assert_eq!(refusal(&board, &image, &file[..file.len() - 1]), damaged);
    assert_eq!(refusal(&board, &image, &file[..12]), damaged);
    let mut flipped = file.clone();
    flipped[file.len() / 2] ^= 0x10;
    assert_eq!(refusal(&board, &image, &flipped), damaged);
    assert_eq!(refusal(&board, &image, b""), "this is not a snapshot of Drydock");
    assert_eq!(refusal(&board, &image, b"\x7fELF"), "this is not a snapshot of Drydock");

    let mut other_image = image.clone();
    other_image.segments[0].bytes[0] ^= 1;
    assert_eq!(
        refusal(&board, &other_image, &file),
        "this snapshot is of a nano33ble with other firmware"
    );
    let other_board = drydock_assets::board("hifive1-revb").expect("the board is there");
    assert_eq!(
        refusal(&other_board, &image, &file),
        "this snapshot is of the board nano33ble, not of hifive1-revb"
    );
    let header = snapshot_file::inspect(&file).expect("it is whole");
    let other_engine = Header {
        engine: "renode".into(),
        ..header.clone()
    };
    assert_eq!(
        refusal(&board, &image, &snapshot_file::assemble(&other_engine, b"")),
        "this snapshot is of the renode engine, not of builtin"
    );
    let model = refusal(&board, &image, &snapshot_file::assemble(&header, b"another layout"));
    assert!(model.contains("whose model of the nano33ble is another"), "{model}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// A file with any bits flipped, or cut anywhere, is refused.
    #[test]
    fn no_damage_goes_unseen(at in any::<prop::sample::Index>(), bit in 0..8u8, cut in any::<bool>()) {
        let (board, image, file) = sample();
        let mut file = file.clone();
        let at = at.index(file.len());
        if cut { file.truncate(at) } else { file[at] ^= 1u8 << bit }
        prop_assert!(snapshot_file::inspect(&file).is_err());
        prop_assert!(load(board, image, &file).is_err());
    }

    /// A forged state with a valid digest is refused: no machine runs from it.
    #[test]
    fn no_made_up_state_is_taken(at in any::<prop::sample::Index>(), with in prop::collection::vec(any::<u8>(), 1..40)) {
        let (board, image, file) = sample();
        let header = snapshot_file::inspect(file).expect("it is whole");
        let header_bytes = u32::from_le_bytes([file[10], file[11], file[12], file[13]]) as usize;
        let mut state = file[14 + header_bytes..file.len() - 32].to_vec();
        let was = state.clone();
        let at = at.index(state.len());
        let end = (at + with.len()).min(state.len());
        state[at..end].copy_from_slice(&with[..end - at]);
        prop_assume!(state != was);
        let taken = load(board, image, &snapshot_file::assemble(&header, &state));
        // The state's hash omits data without influence on the machine: the program counter of the last access, counts
        // of dropped records.
        if let Ok(mut machine) = taken {
            prop_assert_eq!(hash(&mut *machine), header.state_hash);
            run_us(&mut *machine, 100);
        }
    }
}

fn sample() -> &'static (Board, Image, Vec<u8>) {
    static SAMPLE: std::sync::OnceLock<(Board, Image, Vec<u8>)> = std::sync::OnceLock::new();
    SAMPLE.get_or_init(|| {
        let board = drydock_assets::board("nano33ble").expect("the board is there");
        let (image, mut machine) = boot(&board);
        run_us(&mut *machine, 3_000);
        let file = save(&board, &image, &mut *machine);
        (board, image, file)
    })
}
