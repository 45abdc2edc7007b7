//! Boards are exchanged at random instants while flash is written over probes: no board but the bound one may change.
//!
//! The probes hang on a crossbar, which moves their cables at chosen accesses of the debug port, so that each moment of an
//! operation can be hit. `DRYDOCK_TORTURE_OPERATIONS` and `DRYDOCK_TORTURE_SEED` make it longer and another one
//! (`./x torture`).

use crate::bench::{Desk, VirtualBoard, Wire, pattern, unbound, wait_for};
use crate::crossbar::{Crossbar, Hand, Random, When};
use drydock_emulator::{CoreActivity, ResetKind, VirtualTime};
use drydock_hardware::binding::ChipId;
use drydock_hardware::flash::{Control, Erase, FlashError, Plan, Segment, by_probe, program};
use drydock_hardware::port::Topology;
use drydock_hardware::probe::{Probes, VirtualPlug, VirtualProbe};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex};

/// Operations of the ordinary test run.
const OPERATIONS: u64 = 120;
/// Operations that run at the same time, each over its own probe.
const AT_ONCE: usize = 4;
const KINDS: [&str; 5] = ["nano33ble", "nano33ble", "nano33ble", "nano33ble", "stm32f4-discovery"];
/// Where images may be, in pages: behind the bootloader, in front of what Drydock stores.
const PAGES: Range<u64> = 0x10..0xe0;
const PAGE: u32 = 0x1000;
/// Longer than any flash algorithm takes: the longest erases the whole chip, in 169 ms. One that was left alone in pieces may
/// never end.
const ALGORITHM: VirtualTime = VirtualTime::from_ms(500);
/// RAM of both kinds. A blank chip locks up far behind it.
const RAM: Range<u64> = 0x2000_0000..0x2004_0000;
/// Accesses and connections of an operation that nobody disturbs, about.
const ACCESSES: u64 = 3_000;
const CONNECTIONS: u64 = 16;

/// One operation and its end.
struct Operation {
    plan: Plan,
    probe: usize,
    /// The chip that it was bound to in the end.
    bound: Option<ChipId>,
    /// The boards that were at its probe while it ran.
    seen: Vec<usize>,
    error: Option<FlashError>,
}

#[test]
fn shuffled_boards_are_never_written_for_another_one() {
    let operations = environment("DRYDOCK_TORTURE_OPERATIONS", 10).unwrap_or(OPERATIONS);
    let seed = environment("DRYDOCK_TORTURE_SEED", 16).unwrap_or(0x5eed);
    let mut random = Random::new(seed);
    let desk = Desk::new();
    let boards: Vec<VirtualBoard> = (50..).zip(KINDS).map(|(seed, kind)| desk.blank(kind, seed)).collect();
    let chips: Vec<ChipId> = boards.iter().map(|board| chip(&desk, board)).collect();
    let wires = boards.iter().map(|board| Arc::clone(&board.wire)).collect();
    let crossbar: Arc<Crossbar<Wire>> = Arc::new(Crossbar::new(wires, seed));
    let probes = Probes::new();
    let plugs: Vec<VirtualPlug> = (0..boards.len()).map(|at| plug(&probes, &crossbar, at)).collect();

    let mut ends: BTreeMap<&'static str, u64> = BTreeMap::new();
    let mut flashes: Vec<Vec<u8>> = boards.iter().map(flash).collect();
    let mut done = 0;
    while done < operations {
        if random.below(4) > 0 {
            crossbar.tidy();
        }
        let tasks: Vec<_> = (0..AT_ONCE)
            .map(|probe| {
                let mut plan = boards[0].plan(image(&mut random));
                if random.below(6) == 0 {
                    plan.erase = Erase::All;
                }
                let hands = hands(&mut random);
                let mut binding = unbound();
                // Some operations know their board beforehand, as resumed ones do; for some of them it is elsewhere.
                match random.below(8) {
                    0 => binding.chip = Some(chips[random.below(4) as usize].clone()),
                    1..4 => binding.chip = Some(chips[probe].clone()),
                    _ => {}
                }
                (probe, plan, hands, binding)
            })
            .collect();
        let ended: Vec<Operation> = std::thread::scope(|scope| {
            let threads: Vec<_> = tasks
                .into_iter()
                .map(|(probe, plan, hands, mut binding)| {
                    let (probes, crossbar, board) = (&probes, &crossbar, &boards[0].board);
                    let id = plugs[probe].id();
                    scope.spawn(move || {
                        crossbar.begin(probe, hands);
                        let mut run = || {
                            let mut flasher = by_probe::open(probes, id, board)?;
                            program(&mut *flasher, &mut binding, &plan, &mut quiet())?;
                            flasher.start()
                        };
                        let error = run().err();
                        Operation {
                            plan,
                            probe,
                            bound: binding.chip,
                            seen: crossbar.end(probe),
                            error,
                        }
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        done += ended.len() as u64;

        let mut allowed: Vec<(usize, Range<u32>)> = Vec::new();
        for operation in &ended {
            *ends.entry(name(operation.error.as_ref())).or_default() += 1;
            let Some(bound) = chips.iter().position(|chip| Some(chip) == operation.bound.as_ref()) else {
                continue;
            };
            // A board that was never at the probe may have been named beforehand; it is not written then.
            if operation.seen.contains(&bound) {
                allowed.extend(units(&operation.plan).into_iter().map(|unit| (bound, unit)));
            }
            if operation.error.is_none() {
                assert!(
                    boards[bound].holds(&operation.plan),
                    "seed {seed:#x}: the board does not hold what was written over probe {}",
                    operation.probe
                );
            }
        }
        for (at, board) in boards.iter().enumerate() {
            // A chip that was left alone in the middle of its flash algorithm goes on with it.
            let looked = algorithm(board);
            wait_for("the end of a flash algorithm", || match (looked, algorithm(board)) {
                (Some(first), Some(now)) => now >= first.saturating_add(ALGORITHM),
                _ => true,
            });
            let now = flash(board);
            let may = |address: u32| {
                let fits = |(board, unit): &(usize, Range<u32>)| *board == at && unit.contains(&address);
                allowed.iter().any(fits)
            };
            let wrong = (0..now.len())
                .find(|byte| now[*byte] != flashes[at][*byte] && !may(board.board.chip.flash.base + *byte as u32));
            assert_eq!(
                wrong,
                None,
                "seed {seed:#x}: board {at} was written in one of {done} operations: {:?}",
                ended
                    .iter()
                    .map(|it| (it.probe, &it.bound, &it.seen, &it.error))
                    .collect::<Vec<_>>()
            );
            flashes[at] = now;
            // One that is halted in the middle would go on when the next debugger lets go of it.
            board.handle.reset(ResetKind::PowerOn);
        }
    }
    let moves = crossbar.moves();
    println!(
        "drydock-torture: by probe: {done} operations, {moves} moves, 0 wrong writes; ends: {ends:?}; seed {seed:#x}"
    );
    assert!(ends.contains_key("written"), "nothing was written: {ends:?}");
    assert!(ends.contains_key("another board"), "no exchange was noticed: {ends:?}");
}

/// Between two connections of a probe nothing is on the wire, and so nothing tells that it was moved.
#[test]
fn a_move_between_any_two_connections_is_noticed() {
    let desk = Desk::new();
    let boards = [desk.blank("nano33ble", 60), desk.blank("nano33ble", 61)];
    let wires = boards.iter().map(|board| Arc::clone(&board.wire)).collect();
    let crossbar: Arc<Crossbar<Wire>> = Arc::new(Crossbar::new(wires, 1));
    let probes = Probes::new();
    let plug = plug(&probes, &crossbar, 0);
    let content = pattern(0x8_0000, PAGE);
    for board in &boards {
        let content = content.clone();
        let written = board
            .handle
            .with_machine_blocking(move |machine| machine.write_memory(content.address, &content.bytes));
        written.unwrap().unwrap();
    }
    let chips: Vec<ChipId> = boards.iter().map(|board| chip(&desk, board)).collect();
    let mut noticed = 0;
    for connection in 1..=20 {
        for erase in [Erase::All, Erase::Changed] {
            crossbar.tidy();
            let mut plan = boards[0].plan(vec![pattern(0x2_0000, PAGE + connection as u32)]);
            plan.erase = erase;
            let mut binding = unbound();
            binding.chip = Some(chips[0].clone());
            let before = flash(&boards[1]);
            crossbar.begin(0, vec![(When::Connection(connection), Hand::With(1))]);
            let run = || {
                let mut flasher = by_probe::open(&probes, plug.id(), &boards[0].board)?;
                program(&mut *flasher, &mut binding, &plan, &mut quiet())
            };
            let error = { run }().err();
            let was_moved = crossbar.end(0).len() > 1;
            assert!(
                before == flash(&boards[1]),
                "the second board was written after a move before connection {connection}, {erase:?}: {error:?}"
            );
            noticed += u32::from(was_moved && matches!(error, Some(FlashError::WrongBoard(_))));
        }
    }
    assert!(noticed > 4, "{noticed} moves were noticed");
}

fn environment(name: &str, radix: u32) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(u64::from_str_radix(&text, radix).unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

fn quiet() -> Control {
    Control::new(Arc::default(), |_, _, _| {})
}

fn plug(probes: &Probes, crossbar: &Arc<Crossbar<Wire>>, at: usize) -> VirtualPlug {
    let probe = VirtualProbe {
        name: "Virtual probe".into(),
        serial: format!("shuffled-{at}"),
        topology: Some(Topology::new(format!("virtual-{at}"))),
    };
    probes.plug_virtual(probe, Arc::new(Mutex::new(crossbar.lead(at))))
}

fn chip(desk: &Desk, board: &VirtualBoard) -> ChipId {
    desk.probes.identify(board.plug.id()).unwrap().id.unwrap()
}

/// The chip's time while its core executes what a debugger has put into RAM.
fn algorithm(board: &VirtualBoard) -> Option<VirtualTime> {
    let looked = board.handle.with_machine_blocking(|machine| {
        let pc = machine.read_register("pc").unwrap_or(0);
        let activity = machine.debug_access().map(|debug| debug.core_activity());
        (RAM.contains(&pc) && activity == Some(CoreActivity::Running)).then(|| machine.now())
    });
    looked.unwrap()
}

fn flash(board: &VirtualBoard) -> Vec<u8> {
    let flash = &board.board.chip.flash;
    board.memory(flash.base, flash.bytes as usize)
}

/// Two or three pieces in pages of their own, each a chunk; some fill their page in part.
fn image(random: &mut Random) -> Vec<Segment> {
    let first = PAGES.start + random.below(PAGES.end - PAGES.start - 6);
    let pieces = 2 + random.below(2);
    (0..pieces)
        .map(|piece| {
            let bytes = if random.below(3) == 0 { 0x100 } else { PAGE };
            let mut segment = pattern((first + 2 * piece) as u32 * PAGE, bytes);
            let key = random.below(256) as u8;
            segment.bytes.iter_mut().for_each(|byte| *byte ^= key);
            segment
        })
        .collect()
}

/// What an operation may change on its board.
fn units(plan: &Plan) -> Vec<Range<u32>> {
    match plan.erase {
        Erase::All => plan.allowed.clone(),
        Erase::Changed => {
            let units = plan.segments.iter().map(|it| it.address..it.address + PAGE);
            units.collect()
        }
    }
}

/// What hands do during one operation, and when.
fn hands(random: &mut Random) -> Vec<(When, Hand)> {
    (0..random.below(4))
        .map(|_| {
            let hand = match random.below(4) {
                0 => Hand::Exchange,
                1 => Hand::ThereAndBack(1 + random.below(40)),
                2 => Hand::Rotate,
                _ => Hand::Pull,
            };
            let when = match random.below(2) {
                0 => When::Access(1 + random.below(ACCESSES)),
                _ => When::Connection(1 + random.below(CONNECTIONS)),
            };
            (when, hand)
        })
        .collect()
}

fn name(error: Option<&FlashError>) -> &'static str {
    match error {
        None => "written",
        Some(FlashError::WrongBoard(_)) => "another board",
        Some(FlashError::Lost(_)) => "connection lost",
        Some(FlashError::NoAnswer(_)) => "no answer",
        Some(FlashError::Refused(_)) => "refused",
        Some(_) => "other",
    }
}
