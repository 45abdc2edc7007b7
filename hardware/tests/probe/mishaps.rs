//! Cables that are pulled, and boards that are exchanged, while flash is being written.

use crate::bench::{Desk, pattern, unbound, wait_for, write};
use drydock_hardware::binding::WrongBoard;
use drydock_hardware::flash::{CHUNK_BYTES, Control, FlashError, Step, by_probe, program};
use probe_rs::Permissions;
use std::sync::{Arc, atomic::AtomicBool};

#[test]
fn a_cable_that_is_pulled_ends_the_operation_and_a_new_one_works() {
    let desk = Desk::new();
    let board = desk.blank("nano33ble", 20);
    let plan = board.plan(vec![pattern(0x1_0000, 4 * CHUNK_BYTES)]);
    for (step, chunk) in [
        (Step::Comparing, 0),
        (Step::Erasing, 0),
        (Step::Writing, 1),
        (Step::Writing, 2),
        (Step::Verifying, 1),
    ] {
        let mut flasher = board.flasher(&desk);
        let wire = Arc::clone(&board.wire);
        let mut control = Control::new(Arc::new(AtomicBool::new(false)), move |now, done, _| {
            if now == step && done >= chunk * CHUNK_BYTES {
                wire.lock().unwrap().0.set_plugged(false);
            }
        });
        // Every round has something to write.
        board
            .handle
            .with_machine_blocking(|machine| machine.write_memory(0x1_0000, &[0; 0x1_0000]).unwrap())
            .unwrap();
        let error = program(&mut *flasher, &mut unbound(), &plan, &mut control).unwrap_err();
        assert!(
            matches!(error, FlashError::Lost(_) | FlashError::NoAnswer(_)),
            "{step:?}: {error}"
        );
        let error = flasher.start().unwrap_err();
        assert!(
            matches!(error, FlashError::Lost(_) | FlashError::NoAnswer(_)),
            "{error}"
        );
        drop(flasher);
        let Err(error) = by_probe::open(&desk.probes, board.plug.id(), &board.board) else {
            panic!("the cable is out");
        };
        assert!(matches!(error, FlashError::NoAnswer(_)), "{error}");

        board.port().0.set_plugged(true);
        let mut flasher = board.flasher(&desk);
        write(&mut *flasher, &plan).unwrap();
        assert!(board.holds(&plan), "{step:?}");
    }
}

#[test]
fn a_cable_that_is_pulled_inside_a_chunk_is_a_lost_connection() {
    let desk = Desk::new();
    let board = desk.blank("nano33ble", 21);
    let mut flasher = board.flasher(&desk);
    let unit = flasher.erase_unit(0x1_0000);
    flasher.erase(unit).unwrap();
    let chunk = pattern(0x1_0000, 0x1000);
    let before = board.port().0.accesses();
    let wire = Arc::clone(&board.wire);
    let pull = std::thread::spawn(move || {
        wait_for("the write to begin", || {
            wire.lock().unwrap().0.accesses() > before + 500
        });
        wire.lock().unwrap().0.set_plugged(false);
    });
    let error = loop {
        if let Err(error) = flasher.write(chunk.address, &chunk.bytes) {
            break error;
        }
    };
    pull.join().unwrap();
    assert!(matches!(error, FlashError::Lost(_)), "{error}");
    let Err(error) = by_probe::open(&desk.probes, board.plug.id(), &board.board) else {
        panic!("the cable is out");
    };
    assert!(matches!(error, FlashError::NoAnswer(_)), "{error}");
    board.port().0.set_plugged(true);
    write(&mut *flasher, &board.plan(vec![chunk])).unwrap();
}

#[test]
fn a_board_that_is_exchanged_between_two_chunks_is_not_written() {
    let desk = Desk::new();
    for chunks in 0..3 {
        for other in ["nano33ble", "stm32f4-discovery"] {
            let board = desk.blank("nano33ble", 22);
            let second = desk.blank(other, 23);
            let flash = second.board.chip.flash.clone();
            let content = pattern(flash.base + 0x4_0000, 0x4_0000);
            second
                .handle
                .with_machine_blocking(move |machine| machine.write_memory(content.address, &content.bytes).unwrap())
                .unwrap();
            // Its debug port is in use, as that of a board that is being flashed too.
            let target = second.board.flashing.iter().find_map(|way| way.target.clone()).unwrap();
            let probe = desk.probes.open(second.plug.id()).unwrap();
            let in_use = probe.attach(target.as_str(), Permissions::new()).unwrap();
            let before = second.memory(flash.base, flash.bytes as usize);
            let plan = board.plan(vec![pattern(0x1_0000, 4 * CHUNK_BYTES)]);
            let mut flasher = board.flasher(&desk);
            let plug = &board.plug;
            let swap = |wire: Arc<std::sync::Mutex<crate::bench::Wire>>| plug.move_to(wire);
            let (sender, receiver) = std::sync::mpsc::channel::<()>();
            let mut control = Control::new(Arc::default(), move |step, done, _| {
                if step == Step::Writing && done == chunks * CHUNK_BYTES && sender.send(()).is_ok() {
                    // The hand is quick: the cable has moved before the next chunk.
                    std::thread::sleep(std::time::Duration::from_millis(20));
                }
            });
            let result = std::thread::scope(|scope| {
                let operation = scope.spawn(|| program(&mut *flasher, &mut unbound(), &plan, &mut control));
                receiver.recv().unwrap();
                swap(Arc::clone(&second.wire));
                operation.join().unwrap()
            });
            let error = result.unwrap_err();
            let refused = match other {
                "nano33ble" => matches!(error, FlashError::WrongBoard(WrongBoard::Chip { .. })),
                _ => matches!(error, FlashError::Refused(_)),
            };
            assert!(refused, "{other}: {error}");
            drop((flasher, in_use));
            let after = second.memory(flash.base, flash.bytes as usize);
            assert!(after == before, "{other}: the second board was written");
        }
    }
}

#[test]
fn a_probe_that_is_unplugged_answers_no_more() {
    let desk = Desk::new();
    let board = desk.blank("nano33ble", 24);
    let mut flasher = board.flasher(&desk);
    let crate::bench::VirtualBoard { plug, .. } = board;
    drop(plug);
    let error = flasher.chip().unwrap_err();
    // The cable went: it is to be plugged in again, not to be checked.
    assert!(matches!(error, FlashError::Lost(_)), "{error}");
    assert!(error.to_string().contains("plugged in"), "{error}");
}

#[test]
fn a_board_of_another_kind_is_refused() {
    let desk = Desk::new();
    let board = desk.blank("nano33ble", 25);
    let discovery = drydock_assets::board("stm32f4-discovery").unwrap();
    let Err(error) = by_probe::open(&desk.probes, board.plug.id(), &discovery) else {
        panic!("the chips differ");
    };
    assert!(matches!(error, FlashError::Refused(_)), "{error}");
    let hifive = drydock_assets::board("hifive1-revb").unwrap();
    let Err(error) = by_probe::open(&desk.probes, board.plug.id(), &hifive) else {
        panic!("the board has no debug probe");
    };
    assert!(matches!(error, FlashError::Unsupported { .. }), "{error}");
}
