//! What ESP-IDF finds in the ROM: text, the heap, data, and the flash behind SPI1.

use super::rom_drivers::DriverCall;
use super::rom_heap::{self, HeapCall};
use super::rom_text::{self, StringCall, Values};
use super::*;
use crate::machine::VirtualTime;
use crate::machine::entropy::EntropyStream;
use proptest::prelude::*;

/// A chip after its reset, and its surroundings.
fn rig() -> (Esp32C6, Fabric) {
    let mut chip = Esp32C6::new([7; 32]);
    let description = chip.description();
    let mut memory = GuestMemory::new(description.regions);
    prepare(&mut memory);
    let mut fabric = Fabric::new(memory, EntropyStream::new([7; 32]), description.cpu_hz);
    chip.reset(&mut fabric, ResetKind::PowerOn);
    (chip, fabric)
}

fn fabric() -> Fabric {
    rig().1
}

/// The faults, in words without times.
fn faults(fabric: &mut Fabric) -> Vec<(u32, AccessFault)> {
    let faults = fabric.take_faults().into_iter();
    faults.map(|record| (record.addr, record.fault)).collect()
}

fn put(fabric: &mut Fabric, at: u32, text: &str) -> u32 {
    fabric.memory_mut().write(at, format!("{text}\0").as_bytes()).unwrap();
    at
}

fn get(fabric: &Fabric, at: u32) -> String {
    let mut bytes = [0; 64];
    fabric.memory().read(at, &mut bytes).unwrap();
    let text = bytes.split(|byte| *byte == 0).next().unwrap();
    String::from_utf8(text.to_vec()).unwrap()
}

fn printed(format: &str, registers: &[u32], others: &[u32]) -> String {
    let mut fabric = fabric();
    let format = put(&mut fabric, RAM, format);
    let stack = RAM + 0x1000;
    for (word, at) in others.iter().zip((stack..).step_by(4)) {
        fabric.memory_mut().write(at, &word.to_le_bytes()).unwrap();
    }
    put(&mut fabric, RAM + 0x2000, "Drydock");
    let values = Values {
        memory: fabric.memory(),
        registers,
        others: stack,
    };
    String::from_utf8_lossy(&rom_text::printed(format, values)).into_owned()
}

#[test]
fn formats_print_what_newlib_prints() {
    let minus = (-42_i32) as u32;
    assert_eq!(printed("%d %i|%u", &[minus, 7, minus], &[]), "-42 7|4294967254");
    assert_eq!(
        printed("%5d|%-5d|%05d|%05d", &[7, 7, 7, minus], &[]),
        "    7|7    |00007|-0042"
    );
    assert_eq!(printed("%x %08X %p", &[0xbeef, 0xbeef, 0x10], &[]), "beef 0000BEEF 10");
    assert_eq!(
        printed("<%s> <%.3s> <%9s>", &[RAM + 0x2000; 3], &[]),
        "<Drydock> <Dry> <  Drydock>"
    );
    assert_eq!(printed("%c%% %s", &[u32::from(b'a'), 0], &[]), "a% (null)");
    assert_eq!(printed("%*d", &[4, 5], &[]), "   5");
    assert_eq!(printed("%q %", &[], &[]), "%q ");
}

#[test]
fn long_values_begin_in_even_registers_and_at_multiples_of_eight() {
    let half = 2.5_f64.to_bits();
    // a1 to a7: a long behind a1 is in a2 and a3, one behind a2 in a4 and a5.
    assert_eq!(
        printed("%d %lld", &[1, 2, 3, 0, 0, 0, 0], &[]),
        format!("1 {}", 3_u64 << 32 | 2)
    );
    assert_eq!(printed("%d %d %lld", &[1, 2, 9, 4, 0, 0, 0], &[]), "1 2 4");
    // The registers are full: the first of memory is left out before a long one, if it lies between.
    let registers = [1, 2, 3, 4, 5, 6, 7];
    assert_eq!(
        printed(
            "%d%d%d%d%d%d%d %d %.2f",
            &registers,
            &[8, 0, half as u32, (half >> 32) as u32]
        ),
        "1234567 8 2.50"
    );
}

#[test]
fn string_functions_do_what_their_names_say() {
    let mut fabric = fabric();
    let (one, two, to) = (RAM, RAM + 0x100, RAM + 0x200);
    put(&mut fabric, one, "board");
    put(&mut fabric, two, "boat");
    let mut call = |call, arguments| rom_text::string(&mut fabric, call, arguments);
    assert_eq!(call(StringCall::Length, [one, 0, 0]), 5);
    assert_eq!(call(StringCall::LengthLimited, [one, 3, 0]), 3);
    assert!((call(StringCall::Compare, [one, two, 0]) as i32) < 0);
    assert_eq!(call(StringCall::CompareLimited, [one, two, 3]), 0);
    assert_eq!(call(StringCall::Find, [one, u32::from(b'a'), 0]), one + 2);
    assert_eq!(call(StringCall::Find, [one, 0, 0]), one + 5);
    assert_eq!(call(StringCall::FindByte, [one, u32::from(b'd'), 4]), 0);
    assert_eq!(call(StringCall::Copy, [to, one, 0]), to);
    assert_eq!(call(StringCall::Append, [to, two, 0]), to);
    assert_eq!(call(StringCall::FindText, [to, two, 0]), to + 5);
    assert_eq!(call(StringCall::CopyLimitedWithEnd, [to + 0x40, one, 4]), 5);
    assert_eq!(call(StringCall::Signed, [(-7_i32) as u32, to + 0x80, 10]), to + 0x80);
    assert_eq!(call(StringCall::Number, [to + 0x80, 0, 0]) as i32, -7);
    assert_eq!(get(&fabric, to), "boardboat");
    assert_eq!(get(&fabric, to + 0x40), "boa");
    let number = put(&mut fabric, one, " 0x1fz");
    let end = to;
    let value = rom_text::string(&mut fabric, StringCall::LongNumber, [number, end, 0]);
    assert_eq!((value, fabric.memory().read_u32(end)), (0x1f, Ok(number + 5)));
}

#[test]
fn the_roms_functions_write_ram_only() {
    let mut fabric = fabric();
    let entry = fabric.memory().read_u32(rom::BASE + 0x28);
    put(&mut fabric, RAM, "over the ROM");
    rom_text::string(&mut fabric, StringCall::Copy, [rom::BASE + 0x28, RAM, 0]);
    rom_text::string(&mut fabric, StringCall::Zero, [flash::WINDOW, 4, 0]);
    rom_heap::call(&mut fabric, HeapCall::Register, [rom::BASE, 0x1000, 0, 0]);
    assert_eq!(fabric.memory().read_u32(rom::BASE + 0x28), entry);
    assert_eq!(rom_text::string(&mut fabric, StringCall::Length, [0, 0, 0]), 0);
    let unmapped = |addr| (addr, AccessFault::Unmapped);
    assert_eq!(
        faults(&mut fabric),
        [rom::BASE + 0x28, flash::WINDOW, rom::BASE, 0].map(unmapped)
    );
}

#[test]
fn a_heap_whose_words_were_written_over_is_not_whole() {
    let mut fabric = fabric();
    let heap = rom_heap::call(&mut fabric, HeapCall::Register, [RAM, 0x400, 0, 0]);
    let block = rom_heap::call(&mut fabric, HeapCall::Allocate, [heap, 40, 0, 0]);
    assert_eq!(rom_heap::call(&mut fabric, HeapCall::Check, [heap, 0, 0, 0]), 1);
    fabric.memory_mut().write(block + 40, &[0; 4]).unwrap();
    assert_eq!(rom_heap::call(&mut fabric, HeapCall::Check, [heap, 0, 0, 0]), 0);
}

#[test]
fn functions_drive_the_registers_that_their_names_say() {
    let (mut chip, mut fabric) = rig();
    let mut drive = |call, arguments| chip.drive(&mut fabric, call, arguments).unwrap();
    drive(DriverCall::RouteInterrupt, [0, 57, 9, 0]);
    drive(DriverCall::InterruptPriority, [9, 3, 0, 0]);
    drive(DriverCall::InterruptThreshold, [2, 0, 0, 0]);
    drive(DriverCall::InterruptType, [9, 1, 0, 0]);
    drive(DriverCall::InterruptsOn, [1 << 9 | 1 << 4, 0, 0, 0]);
    drive(DriverCall::InterruptsOff, [1 << 4, 0, 0, 0]);
    drive(DriverCall::PadIsGpio, [5, 0, 0, 0]);
    drive(DriverCall::PullUp, [5, 0, 0, 0]);
    drive(DriverCall::MatrixIn, [5, 64, 1, 0]);
    drive(DriverCall::MatrixOut, [5, 63, 0, 1]);
    let mut reads = |addr| chip.read(&mut fabric, addr, AccessSize::Word).unwrap();
    assert_eq!(reads(INTMTX + 4 * 57), 9);
    assert_eq!(
        [0x00, 0x04, 0x10 + 4 * 9, 0x90].map(|offset| reads(PLIC_MX + offset)),
        [1 << 9, 1 << 9, 3, 2]
    );
    assert_eq!(reads(IO_MUX + 4 + 4 * 5) & (7 << 12 | 3 << 7), 1 << 12 | 1 << 8);
    assert_eq!(reads(GPIO + 0x154 + 4 * 64), 1 << 7 | 1 << 6 | 5);
    assert_eq!(
        (reads(GPIO + 0x554 + 4 * 5), reads(GPIO + 0x20) >> 5 & 1),
        (1 << 10 | 63, 1)
    );
    // No source of interrupts has this number.
    chip.drive(&mut fabric, DriverCall::RouteInterrupt, [0, 0x7f, 9, 0])
        .unwrap_err();
}

#[test]
fn the_timers_functions_count_in_microseconds() {
    let (mut chip, mut fabric) = rig();
    fabric.set_position(VirtualTime::from_ms(3), 0);
    let context = RAM + 0x100;
    let mut drive = |fabric: &mut Fabric, call, arguments| chip.drive(fabric, call, arguments).unwrap();
    drive(&mut fabric, DriverCall::TimerInit, [context, 0, 0, 0]);
    drive(&mut fabric, DriverCall::CounterOn, [context, 0, 0, 0]);
    assert_eq!(drive(&mut fabric, DriverCall::TimerTime, [context, 0, 0, 0]), 3_000);
    assert_eq!(drive(&mut fabric, DriverCall::TimerValue, [context, 0, 0, 0]), 48_000);
    drive(&mut fabric, DriverCall::Advance, [context, 0, 1_000, 0]);
    assert_eq!(drive(&mut fabric, DriverCall::TimerTime, [context, 0, 0, 0]), 4_000);
    // Alarm 0 half a millisecond from now, by its interrupt.
    drive(&mut fabric, DriverCall::AlarmCounter, [context, 0, 0, 0]);
    drive(&mut fabric, DriverCall::AlarmMode, [context, 0, 0, 0]);
    drive(&mut fabric, DriverCall::AlarmInterrupt, [context, 0, 0, 0]);
    drive(&mut fabric, DriverCall::AlarmTarget, [context, 0, 4_500, 0]);
    assert_eq!(fabric.memory().read_u32(context), Ok(SYSTIMER));
    while chip.read(&mut fabric, SYSTIMER + 0x70, AccessSize::Word) == Ok(0) {
        let next = fabric.next_event_at();
        fabric.set_position(next, 0);
        while let Some(token) = fabric.pop_due_event() {
            chip.event(&mut fabric, token);
        }
    }
    assert_eq!(fabric.now(), VirtualTime::from_us(3_500));
}

/// A command of the user's own over SPI1: command, phases, address, bits sent and read.
fn send(chip: &mut Esp32C6, fabric: &mut Fabric, command: u32, user: u32, address: u32) -> Result<u32, AccessFault> {
    for (offset, value) in [
        (0x18, user | 1 << 31),
        (0x1c, 23 << 26),
        (0x20, 7 << 28 | command),
        (0x04, address << 8 | 0xff),
    ] {
        chip.write(fabric, SPI1 + offset, value, AccessSize::Word)?;
    }
    chip.write(fabric, SPI1 + 0x24, 31, AccessSize::Word)?;
    chip.write(fabric, SPI1 + 0x28, 31, AccessSize::Word)?;
    chip.write(fabric, SPI1, 1 << 18, AccessSize::Word)?;
    chip.read(fabric, SPI1 + 0x58, AccessSize::Word)
}

#[test]
fn the_flash_takes_commands_that_drivers_send_themselves() {
    const ADDR: u32 = 1 << 30;
    const MISO: u32 = 1 << 28;
    const MOSI: u32 = 1 << 27;
    let (mut chip, mut fabric) = rig();
    let (chip, fabric) = (&mut chip, &mut fabric);
    let quiet = |fabric: &mut Fabric| fabric.set_position(fabric.now() + VirtualTime::from_ms(200), 0);
    assert_eq!(
        send(chip, fabric, 0x9f, MISO, 0),
        Ok(0xff16_40ef),
        "the id, and what nobody drives"
    );
    // Without write enable nothing happens.
    chip.write(fabric, SPI1 + 0x58, 0x0403_0201, AccessSize::Word).unwrap();
    send(chip, fabric, 0x02, ADDR | MOSI, 0x30_0000).unwrap();
    assert_eq!(send(chip, fabric, 0x03, ADDR | MISO, 0x30_0000), Ok(u32::MAX));
    send(chip, fabric, 0x06, 0, 0).unwrap();
    assert_eq!(send(chip, fabric, 0x05, MISO, 0).unwrap() & 0xff, 2);
    chip.write(fabric, SPI1 + 0x58, 0x0403_0201, AccessSize::Word).unwrap();
    send(chip, fabric, 0x02, ADDR | MOSI, 0x30_0000).unwrap();
    assert_eq!(send(chip, fabric, 0x05, MISO, 0).unwrap() & 0xff, 1, "it is busy");
    quiet(fabric);
    assert_eq!(send(chip, fabric, 0xeb, ADDR | MISO, 0x30_0000), Ok(0x0403_0201));
    send(chip, fabric, 0x06, 0, 0).unwrap();
    send(chip, fabric, 0x20, ADDR, 0x30_0004).unwrap();
    quiet(fabric);
    assert_eq!(send(chip, fabric, 0x03, ADDR | MISO, 0x30_0000), Ok(u32::MAX));
    assert_eq!(send(chip, fabric, 0x4b, MISO, 0), Ok(0x07ca_4c40), "as the MAC address");
    assert_eq!(send(chip, fabric, 0x77, 0, 0), Err(AccessFault::UnmodelledUse));
}

#[test]
fn the_low_power_timer_tells_the_time_of_its_update() {
    let (mut chip, mut fabric) = rig();
    for ms in [1_000, 2_000] {
        fabric.set_position(VirtualTime::from_ms(ms), 0);
        chip.write(&mut fabric, 0x600b_0c10, 1 << 28, AccessSize::Word).unwrap();
    }
    let mut reads = |addr| chip.read(&mut fabric, addr, AccessSize::Word).unwrap();
    assert_eq!(
        [0x14, 0x18, 0x1c, 0x20].map(|offset| reads(0x600b_0c00 + offset)),
        [272_000, 0, 136_000, 0]
    );
}

proptest! {
    #[test]
    fn any_format_prints_and_any_string_function_returns(format in "[%a-zA-Z0-9.*-]{0,40}", words in any::<[u32; 7]>()) {
        printed(&format, &words, &words);
        for call in [StringCall::Append, StringCall::FindText, StringCall::LongNumber, StringCall::CopyLimited] {
            rom_text::string(&mut fabric(), call, [words[0], words[1], words[2]]);
        }
    }

    #[test]
    fn blocks_of_a_heap_never_overlap_and_all_memory_comes_back(
        steps in prop::collection::vec((0_u32..5, 0_u32..400, 0_u32..7), 1..60),
    ) {
        let mut fabric = fabric();
        let heap = RAM + 0x1000;
        let mut call = |which, arguments: [u32; 3]| {
            let [second, third, fourth] = arguments;
            rom_heap::call(&mut fabric, which, [heap, second, third, fourth])
        };
        prop_assert_eq!(call(HeapCall::Register, [0x2000, 0, 0]), heap);
        let whole = call(HeapCall::FreeBytes, [0; 3]);
        let mut blocks: Vec<(u32, u32)> = Vec::new();
        for (step, bytes, power) in steps {
            let at = match step {
                0 | 1 => call(HeapCall::Allocate, [bytes, 0, 0]),
                2 => call(HeapCall::AllocatePlainlyAligned, [bytes, 4 << power, 0]),
                3 if !blocks.is_empty() => {
                    let (at, _) = blocks.swap_remove(bytes as usize % blocks.len());
                    call(HeapCall::Resize, [at, bytes, 0])
                }
                _ => {
                    if let Some((at, _)) = blocks.pop() {
                        call(HeapCall::Free, [at, 0, 0]);
                    }
                    0
                }
            };
            if at == 0 {
                // A resize that found no room has left its block where it was; it is not freed, which the test does not need.
                if step == 3 && bytes != 0 {
                    return Ok(());
                }
                continue;
            }
            if step == 2 {
                prop_assert_eq!(at % (4 << power), 0);
            }
            let has = call(HeapCall::BlockBytes, [at, 0, 0]);
            prop_assert!(has >= bytes, "{has} for {bytes}");
            prop_assert!(blocks.iter().all(|(other, length)| at + has <= *other || other + length <= at));
            blocks.push((at, has));
        }
        for (at, _) in blocks {
            call(HeapCall::Free, [at, 0, 0]);
        }
        prop_assert_eq!(call(HeapCall::FreeBytes, [0; 3]), whole);
        prop_assert_eq!(call(HeapCall::Check, [0; 3]), 1);
        prop_assert_eq!(faults(&mut fabric), []);
    }

    #[test]
    fn a_heap_that_a_program_has_damaged_ends(words in prop::collection::vec(any::<u32>(), 64), bytes in any::<u32>()) {
        let mut fabric = fabric();
        let heap = RAM;
        for (word, at) in words.iter().zip((heap..).step_by(4)) {
            fabric.memory_mut().write(at, &word.to_le_bytes()).unwrap();
        }
        for call in [HeapCall::Allocate, HeapCall::Free, HeapCall::Resize, HeapCall::Info, HeapCall::AllocateAligned] {
            rom_heap::call(&mut fabric, call, [heap, bytes, bytes, bytes]);
        }
    }
}
