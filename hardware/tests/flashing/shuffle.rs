//! Boards change their places at random instants while they are programmed by their bootloaders: no board but the bound
//! one may change. All boards show the same USB serial number, and the system gives freed paths to other boards.
//!
//! `DRYDOCK_TORTURE_OPERATIONS` and `DRYDOCK_TORTURE_SEED` make it longer and another one (`./x torture`).

use crate::desk::board;
use drydock_assets::Board;
use drydock_emulator::builtin::engine::Builtin;
use drydock_emulator::cable::{CableOptions, ModemSwitch, SerialCable};
use drydock_emulator::runner::{MachineHandle, Pace, RunOptions, Runner};
use drydock_emulator::{Engine, ResetKind, Seed};
use drydock_hardware::binding::{Binding, ChipId, WrongBoard};
use drydock_hardware::flash::{self, Control, Erase, FlashError, Place, Plan, Segment, program};
use drydock_hardware::port::{ModemLines, PluggedPort, Port, Ports, Topology, UsbIdentity, VirtualPort};
use drydock_hardware::probe::Probes;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Operations of the ordinary test run, for each kind.
const OPERATIONS: u64 = 24;
const BOARDS: usize = 4;
const PAGE: u32 = 0x1000;

/// A seeded stream of numbers (xorshift64).
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) % end
    }
}

struct Lines(ModemSwitch);

impl ModemLines for Lines {
    fn set(&self, dtr: bool, rts: bool) -> std::io::Result<()> {
        self.0.set(dtr, rts)
    }
}

/// A board and its cable.
struct Seat {
    handle: MachineHandle,
    chip: ChipId,
    cable: Option<SerialCable>,
    plugged: Option<PluggedPort>,
    /// The port as it is plugged in.
    shown: Option<Port>,
    place: usize,
}

/// The boards at their places, and where each has been.
struct Table {
    ports: Ports,
    board: Board,
    seats: Vec<Mutex<Seat>>,
    /// Time, place and seat of each plugging.
    history: Mutex<Vec<(Instant, usize, usize)>>,
    moves: AtomicU64,
}

struct Ended {
    plan: Plan,
    begin: Instant,
    place: usize,
    bound: Option<ChipId>,
    error: Option<FlashError>,
}

fn topology(place: usize) -> Topology {
    Topology::new(format!("virtual-table-{place}"))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Table {
    fn new(kind: &str, runner: &Runner) -> Self {
        let board = board(kind);
        let table = Self {
            ports: Ports::new(),
            seats: (0..BOARDS)
                .map(|seat| Mutex::new(Self::seat(&board, runner, seat)))
                .collect(),
            board,
            history: Mutex::default(),
            moves: AtomicU64::new(0),
        };
        for seat in 0..BOARDS {
            table.plug(seat, seat);
        }
        table
    }

    fn seat(board: &Board, runner: &Runner, number: usize) -> Seat {
        let mut machine = Builtin.open(board, Seed([0x40 + number as u8; 32])).unwrap();
        // Every second Nano has a program, and so needs the touch: stack, reset, `wfi`, `b .-2`.
        if number % 2 == 1 && board.name == "nano33ble" {
            let mut program = [0x2000_1000_u32, board.boot + 9].map(u32::to_le_bytes).concat();
            program.extend([0x30, 0xbf, 0xfd, 0xe7]);
            machine.write_memory(board.boot, &program).unwrap();
        }
        machine.reset(ResetKind::PowerOn).unwrap();
        let options = RunOptions {
            name: format!("{}-{number}", board.name),
            pace: Pace::Max,
            paused: false,
        };
        let handle = runner.add(machine, options);
        let chip = chip(&handle, board);
        Seat {
            handle,
            chip,
            cable: None,
            plugged: None,
            shown: None,
            place: number,
        }
    }

    fn pull(&self, seat: usize) {
        let mut seat = lock(&self.seats[seat]);
        seat.plugged = None;
        seat.shown = None;
        seat.cable = None;
    }

    fn plug(&self, number: usize, place: usize) {
        let mut seat = lock(&self.seats[number]);
        // What a half-written board runs has no USB device; over an adapter its port is there all the same.
        let options = CableOptions {
            over_adapter: true,
            ..CableOptions::default()
        };
        seat.cable = Some(SerialCable::plug_with(seat.handle.clone(), &self.board, options).unwrap());
        seat.place = place;
        lock(&self.history).push((Instant::now(), place, number));
        self.show(&mut seat);
    }

    /// Plugs the port in that the cable has now: a board that enumerates again has another one.
    fn show(&self, seat: &mut Seat) {
        let Some(cable) = &seat.cable else { return };
        let state = cable.watch().borrow().clone();
        let port = state.path.map(|path| Port {
            path: path.to_str().unwrap().to_owned(),
            topology: Some(topology(seat.place)),
            usb: state.usb.map(|(vendor, product)| UsbIdentity {
                vendor,
                product,
                serial: Some("0001".into()),
                manufacturer: None,
                product_name: None,
            }),
            is_virtual: true,
        });
        if port == seat.shown {
            return;
        }
        seat.plugged = None;
        seat.shown.clone_from(&port);
        let lines = Arc::new(Lines(cable.lines()));
        seat.plugged = port.map(|port| self.ports.plug_virtual(VirtualPort { port, lines }));
    }

    /// Moves cables until it is told to end.
    fn hand(&self, seed: u64, longest_ms: u64, end: &AtomicBool) {
        let mut random = Random(seed);
        let mut next = Instant::now();
        while !end.load(Ordering::Acquire) {
            for seat in &self.seats {
                self.show(&mut lock(seat));
            }
            std::thread::sleep(Duration::from_millis(1));
            if Instant::now() < next {
                continue;
            }
            self.moves.fetch_add(1, Ordering::Relaxed);
            let one = random.below(BOARDS as u64) as usize;
            let other = (one + 1 + random.below(BOARDS as u64 - 1) as usize) % BOARDS;
            let pause = Duration::from_millis(random.below(8));
            let (first, second) = (lock(&self.seats[one]).place, lock(&self.seats[other]).place);
            if random.below(4) == 0 {
                self.pull(one);
                std::thread::sleep(pause);
                self.plug(one, first);
            } else {
                self.pull(one);
                self.pull(other);
                std::thread::sleep(pause);
                // In both orders, so that the freed paths go to the other board and back.
                let (now, later) = if random.below(2) == 0 {
                    (one, other)
                } else {
                    (other, one)
                };
                for seat in [now, later] {
                    self.plug(seat, if seat == one { second } else { first });
                }
            }
            next = Instant::now() + Duration::from_millis(random.below(longest_ms));
        }
    }

    /// One operation on whatever is at a place.
    fn operate(&self, place: usize, random: &mut Random) -> Ended {
        let begin = Instant::now();
        let plan = image(&self.board, random);
        let mut bound = None;
        let run = || {
            let there = self.ports.find_topology(&topology(place));
            let port = there.first().ok_or(FlashError::NoAnswer("nothing is there".into()))?;
            let mut binding = Binding::to_port(port);
            binding.serial = None;
            // Between the list and the opening the path may become another board's.
            std::thread::sleep(Duration::from_millis(random.below(4)));
            let at = Place {
                port: Some(port.clone()),
                ..Place::default()
            };
            let mut flasher = flash::open(&self.ports, &Probes::new(), &at, &self.board)?;
            let mut control = Control::new(Arc::default(), |_, _, _| {});
            let written = program(&mut *flasher, &mut binding, &plan, &mut control);
            bound = binding.chip;
            written.map(|_| ())
        };
        let error = { run }().err();
        Ended {
            plan,
            begin,
            place,
            bound,
            error,
        }
    }

    fn flash(&self, seat: usize) -> Vec<u8> {
        let flash = &self.board.chip.flash;
        let (base, bytes) = (flash.base, flash.bytes as usize);
        let handle = lock(&self.seats[seat]).handle.clone();
        let read = handle.with_machine_blocking(move |machine| {
            let mut memory = vec![0; bytes];
            machine.read_memory(base, &mut memory).map(|()| memory)
        });
        read.unwrap().unwrap()
    }

    /// Whether a board was at a place at some time since `begin`.
    fn was_there(&self, seat: usize, place: usize, begin: Instant) -> bool {
        let history = lock(&self.history);
        let at_place = history.iter().filter(|(_, at, _)| *at == place);
        let mut before = None;
        for (when, _, who) in at_place {
            if *when >= begin {
                if *who == seat {
                    return true;
                }
            } else {
                before = Some(*who);
            }
        }
        before == Some(seat)
    }
}

/// The chip's id as its bootloader says it, from the chip itself.
fn chip(handle: &MachineHandle, board: &Board) -> ChipId {
    let words = match board.name.as_str() {
        "nano33ble" => [0x1000_0060, 0x1000_0064],
        _ => [0x600b_0844, 0x600b_0848],
    };
    let read = handle.with_machine_blocking(move |machine| {
        words.map(|address| {
            let mut word = [0; 4];
            match machine.read_memory(address, &mut word) {
                Ok(()) => u32::from_le_bytes(word),
                Err(_) => machine.bus_word(address).unwrap(),
            }
        })
    });
    let [low, high] = read.unwrap();
    match board.name.as_str() {
        "nano33ble" => ChipId::from_bytes(&[low.to_be_bytes(), high.to_be_bytes()].concat()),
        _ => ChipId::from_bytes(&[(high & 0xffff).to_be_bytes(), low.to_be_bytes()].concat()),
    }
}

/// Two pieces in pages of their own, behind what the board starts.
fn image(board: &Board, random: &mut Random) -> Plan {
    let area = board.flash_area("firmware").unwrap();
    let pages = u64::from(area.bytes / PAGE);
    let first = 1 + random.below(pages - 4);
    let segments = [first, first + 2].map(|page| {
        let key = random.below(256) as u8;
        let bytes = if random.below(3) == 0 { 0x100 } else { PAGE };
        Segment {
            address: area.base + page as u32 * PAGE,
            bytes: (0..bytes).map(|at| ((at * 7) >> 3) as u8 ^ key).collect(),
        }
    });
    Plan {
        segments: segments.to_vec(),
        allowed: std::iter::once(area.base..area.base + area.bytes).collect(),
        erase: Erase::Changed,
    }
}

fn units(plan: &Plan) -> impl Iterator<Item = Range<u32>> + '_ {
    plan.segments.iter().map(|it| it.address..it.address + PAGE)
}

fn environment(name: &str, radix: u32) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(u64::from_str_radix(&text, radix).unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

/// Rounds of one operation at each place, with hands at work, then a look at all flash.
fn shuffle(kind: &str, operations: u64, longest_ms: u64) {
    let seed = environment("DRYDOCK_TORTURE_SEED", 16).unwrap_or(0x5eed);
    let runner = Runner::new().unwrap();
    let table = Table::new(kind, &runner);
    let mut ends: BTreeMap<&'static str, u64> = BTreeMap::new();
    let mut flashes: Vec<Vec<u8>> = (0..BOARDS).map(|seat| table.flash(seat)).collect();
    let mut done = 0;
    let mut round = 0;
    while done < operations {
        round += 1;
        let end = AtomicBool::new(false);
        let ended: Vec<Ended> = std::thread::scope(|scope| {
            let hand = scope.spawn(|| table.hand(seed ^ round << 20 | 1, longest_ms, &end));
            let threads: Vec<_> = (0..BOARDS)
                .map(|place| {
                    let mut random = Random(seed.rotate_left(17) ^ (round << 8 | place as u64 | 1 << 60));
                    let table = &table;
                    scope.spawn(move || table.operate(place, &mut random))
                })
                .collect();
            let ended = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
            end.store(true, Ordering::Release);
            hand.join().unwrap();
            ended
        });
        done += ended.len() as u64;
        let mut allowed: Vec<(usize, Range<u32>)> = Vec::new();
        for operation in &ended {
            *ends.entry(name(operation.error.as_ref())).or_default() += 1;
            let chips = (0..BOARDS).map(|seat| lock(&table.seats[seat]).chip.clone());
            let bound = chips
                .enumerate()
                .find(|(_, chip)| Some(chip) == operation.bound.as_ref());
            let Some((bound, _)) = bound else {
                assert!(
                    operation.bound.is_none(),
                    "a chip that is not on the table: {:?}",
                    operation.bound
                );
                continue;
            };
            assert!(
                table.was_there(bound, operation.place, operation.begin),
                "seed {seed:#x}: the operation at place {} took board {bound}, which was not there: {:?}",
                operation.place,
                operation.error
            );
            allowed.extend(units(&operation.plan).map(|unit| (bound, unit)));
        }
        let base = table.board.chip.flash.base;
        for (seat, before) in flashes.iter_mut().enumerate() {
            let now = table.flash(seat);
            let may = |address: u32| {
                allowed
                    .iter()
                    .any(|(who, unit)| *who == seat && unit.contains(&address))
            };
            let wrong = (0..now.len()).find(|at| now[*at] != before[*at] && !may(base + *at as u32));
            assert_eq!(
                wrong, None,
                "seed {seed:#x}: board {seat} was written in one of {done} operations"
            );
            for operation in ended.iter().filter(|it| it.error.is_none()) {
                if operation.bound.as_ref() == Some(&lock(&table.seats[seat]).chip) {
                    for segment in &operation.plan.segments {
                        let from = (segment.address - base) as usize;
                        // Another operation of this round may have written the same board later.
                        let others = ended.iter().filter(|it| it.bound == operation.bound).count();
                        assert!(
                            others > 1 || now[from..from + segment.bytes.len()] == segment.bytes,
                            "seed {seed:#x}: board {seat} does not hold what was written"
                        );
                    }
                }
            }
            *before = now;
        }
    }
    let moves = table.moves.load(Ordering::Relaxed);
    println!(
        "drydock-torture: {kind} by its bootloader: {done} operations, {moves} moves, 0 wrong writes; ends: {ends:?}; seed {seed:#x}"
    );
    assert!(ends.get("written") > Some(&0), "nothing was written: {ends:?}");
    assert!(ends.len() > 1, "no move was noticed: {ends:?}");
}

fn name(error: Option<&FlashError>) -> &'static str {
    match error {
        None => "written",
        Some(FlashError::WrongBoard(_)) => "another board",
        Some(FlashError::Lost(_)) => "connection lost",
        Some(FlashError::NoAnswer(_)) => "no answer",
        Some(FlashError::Refused(_)) => "refused",
        Some(FlashError::Garbled(_)) => "garbled",
        Some(_) => "other",
    }
}

#[test]
fn a_path_that_became_another_boards_is_not_opened_for_the_first_one() {
    let runner = Runner::new().unwrap();
    let table = Table::new("nano33ble", &runner);
    for (bound, other) in [(0, 2), (1, 3)] {
        let mut port = table.ports.find_topology(&topology(bound))[0].clone();
        port.path
            .clone_from(&table.ports.find_topology(&topology(other))[0].path);
        let at = Place {
            port: Some(port),
            ..Place::default()
        };
        let opened = flash::open(&table.ports, &Probes::new(), &at, &table.board);
        let error = opened.map(|_| ()).unwrap_err();
        assert!(
            matches!(error, FlashError::WrongBoard(WrongBoard::Topology { .. })),
            "{error}"
        );
    }
}

#[test]
fn shuffled_nanos_are_never_written_for_another_one() {
    let operations = environment("DRYDOCK_TORTURE_OPERATIONS", 10).map(|all| all / 10);
    shuffle("nano33ble", operations.unwrap_or(OPERATIONS), 120);
}

#[test]
fn shuffled_esp32s_are_never_written_for_another_one() {
    let operations = environment("DRYDOCK_TORTURE_OPERATIONS", 10).map(|all| all / 20);
    shuffle("esp32-c6", operations.unwrap_or(OPERATIONS), 900);
}
