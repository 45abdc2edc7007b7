//! The program with a card, displays, thermometers, a strip of LEDs and a second UART, by drivers from crates.io, unmodified:
//! what it reads, and what is seen of what it wrote.

use drydock_assets::part_kinds;
use drydock_emulator::builtin::engine::Builtin;
use drydock_emulator::{Engine, Image, Machine, PartState, ResetKind, Seed};
use libtest_mimic::{Failed, Trial};

use crate::{ARM, run, trial};

/// The image's partition: its first block and its size.
const PARTITION: (usize, usize) = (8, 16_376);
/// Blocks before the FAT, of the FAT, of the root directory.
const LAYOUT: [usize; 3] = [1, 64, 32];
const GREETING: &[u8] = b"hello from the card";
const LINE: &[u8] = b"written by the program\n";

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("nano33ble_has_devices_and_a_loopback", "devices", ARM, with_a_loopback),
        trial("nano33ble_has_devices_and_a_gps", "devices", ARM, with_a_gps),
    ]
}

fn boot(image: &Image, on_uart: &str) -> Result<Box<dyn Machine>, Failed> {
    let mut board = drydock_assets::board("nano33ble").ok_or("the board is described")?;
    for part in [
        "sd-card",
        "hd44780,rs=P0.21,e=P0.23,d4=P0.27,d5=P1.11,d6=P1.12,d7=P1.13",
        "hd44780-i2c",
        // The driver takes temperatures below zero for large ones.
        "ds18b20,pin=P1.14,serial=77,temperature=10.125",
        "ds18b20,pin=P1.14,serial=4711,temperature=31.5",
        "ws2812,pin=P1.15,leds=4",
        on_uart,
    ] {
        let added = board.add_part(&part.parse()?, part_kinds());
        added.map_err(|problems| problems.join("; "))?;
    }
    let mut machine = Builtin.open(&board, Seed([7; 32]))?;
    let parts = machine.parts().ok_or("the machine has parts")?;
    parts.load_content("sd-card", &card())?;
    machine.load(image)?;
    machine.reset(ResetKind::PowerOn)?;
    Ok(machine)
}

/// A card of 8 MiB with a FAT16 of one partition and one file (Microsoft's FAT specification, 1.03).
fn card() -> Vec<u8> {
    let mut card = vec![0; 8 << 20];
    let (first, blocks) = PARTITION;
    let put = |card: &mut Vec<u8>, at: usize, bytes: &[u8]| card[at..at + bytes.len()].copy_from_slice(bytes);
    // Type 0Eh: FAT16 by block addresses.
    put(&mut card, 0x1be + 4, &[0x0e]);
    put(&mut card, 0x1be + 8, &(first as u32).to_le_bytes());
    put(&mut card, 0x1be + 12, &(blocks as u32).to_le_bytes());
    put(&mut card, 0x1fe, &[0x55, 0xaa]);
    let boot = first * 512;
    let [reserved, fat, root] = LAYOUT;
    put(&mut card, boot, &[0xeb, 0x3c, 0x90]);
    put(&mut card, boot + 3, b"DRYDOCK ");
    // 512 bytes a block, a block a cluster, one FAT of 64 blocks, 512 entries in the root directory.
    put(&mut card, boot + 11, &[0, 2, 1, reserved as u8, 0, 1, 0, 2]);
    put(&mut card, boot + 19, &(blocks as u16).to_le_bytes());
    put(&mut card, boot + 21, &[0xf8, fat as u8, 0]);
    put(&mut card, boot + 28, &(first as u32).to_le_bytes());
    put(&mut card, boot + 38, &[0x29]);
    put(&mut card, boot + 43, b"DRYDOCK    FAT16   ");
    put(&mut card, boot + 510, &[0x55, 0xaa]);
    let fat_at = boot + reserved * 512;
    put(&mut card, fat_at, &[0xf8, 0xff, 0xff, 0xff, 0xff, 0xff]);
    let root_at = fat_at + fat * 512;
    put(&mut card, root_at, b"HELLO   TXT\x20");
    put(&mut card, root_at + 26, &[2, 0]);
    put(&mut card, root_at + 28, &(GREETING.len() as u32).to_le_bytes());
    put(&mut card, root_at + root * 512, GREETING);
    card
}

fn part(machine: &mut dyn Machine, name: &str) -> Result<PartState, Failed> {
    let list = machine.parts().ok_or("the machine has parts")?.list();
    let part = list.into_iter().find(|part| part.name == name);
    Ok(part.ok_or_else(|| format!("there is no {name}"))?)
}

/// The lit dots of a display, a row each.
fn rows(machine: &mut dyn Machine, name: &str) -> Result<Vec<String>, Failed> {
    let picture = part(machine, name)?.picture.ok_or("it is a display")?;
    let rows = picture.dots.chunks(usize::from(picture.width));
    let dot = |dot: &u8| if *dot > 0 { '#' } else { ' ' };
    Ok(rows
        .map(|row| row.iter().map(dot).collect::<String>().trim_end().to_owned())
        .collect())
}

fn with_a_loopback(image: &Image) -> Result<(), Failed> {
    let mut machine = boot(image, "uart-loopback")?;
    let said = run(&mut *machine, 2_600)?;
    let expected = [
        "card 8388608 Some(SdhcSdxc)",
        "read Ok(\"hello from the card\")",
        "written",
        "lcd",
        "i2c",
        "strip",
        "heard $ping.",
    ];
    let lines: Vec<&str> = said.lines().collect();
    let thermometers: Vec<&str> = lines.iter().copied().filter(|line| line.ends_with(" C")).collect();
    let values = thermometers.iter().filter_map(|line| line.split(' ').nth(1));
    assert_eq!(values.collect::<Vec<_>>(), ["10.125", "31.5"], "{said}");
    assert!(
        thermometers[0].contains("00004D28") && thermometers[1].contains("00126728"),
        "{said}"
    );
    let others: Vec<&str> = lines.into_iter().filter(|line| !line.ends_with(" C")).collect();
    assert_eq!(others, expected);

    let content = machine.parts().ok_or("the machine has parts")?.content("sd-card")?;
    let lines = content.windows(LINE.len()).filter(|window| *window == LINE).count();
    assert_eq!(lines, 100, "the file is on the card");
    assert!(content.windows(11).any(|window| window == b"NEW     TXT"));

    // The first letters: "b" of "by", "a" of "and".
    let rows_of_b = ["#", "#", "# ##", "##  #", "#   #", "#   #", "####"];
    let by_lines = rows(&mut *machine, "hd44780")?;
    let first = |rows: &[String], at: usize| -> Vec<String> {
        let letter = rows[at..at + 7]
            .iter()
            .map(|row| row.chars().take(5).collect::<String>());
        letter.map(|row| row.trim_end().to_owned()).collect()
    };
    assert_eq!(first(&by_lines, 0), rows_of_b, "{by_lines:#?}");
    assert_eq!(
        first(&by_lines, 9),
        ["", "", " ###", "    #", " ####", "#   #", " ####"],
        "{by_lines:#?}"
    );
    let by_i2c = rows(&mut *machine, "hd44780-i2c")?;
    assert_eq!(first(&by_i2c, 0), rows_of_b, "{by_i2c:#?}");
    assert_eq!(first(&by_i2c, 9), [""; 7], "it is indented");
    let backlight = part(&mut *machine, "hd44780-i2c")?.properties[0].value.to_f64();
    assert_eq!(backlight, 1.0);

    assert_eq!(
        part(&mut *machine, "ws2812")?.lights,
        [[255, 0, 0], [0, 128, 1], [16, 32, 64], [0; 3]]
    );
    assert_eq!(part(&mut *machine, "uart-loopback")?.properties[1].value.to_f64(), 6.0);

    // All of it is in a snapshot.
    let mut twin = machine.snapshots().ok_or("the engine has snapshots")?.fork()?;
    let hash = |machine: &mut Box<dyn Machine>| -> Result<u64, Failed> {
        Ok(machine.snapshots().ok_or("the engine has snapshots")?.state_hash()?)
    };
    assert_eq!(hash(&mut machine)?, hash(&mut twin)?);
    Ok(())
}

fn with_a_gps(image: &Image) -> Result<(), Failed> {
    let mut machine = boot(image, "gps,baud=9600")?;
    let said = run(&mut *machine, 3_000)?;
    let heard = said
        .lines()
        .find_map(|line| line.strip_prefix("heard "))
        .ok_or_else(|| said.clone())?;
    let log = String::from_utf8_lossy(&machine.parts().ok_or("the machine has parts")?.content("gps")?).into_owned();
    assert!(heard.len() == 6 && log.replace('\n', "\r\n").contains(heard), "{said}");
    let position = part(&mut *machine, "gps")?;
    let value = |name: &str| {
        position
            .properties
            .iter()
            .find(|its| its.name == name)
            .map(|its| its.value.to_f64())
    };
    assert_eq!((value("latitude"), value("longitude")), (Some(52.466_667), Some(13.4)));
    Ok(())
}
