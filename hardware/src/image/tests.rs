//! Files of all formats, whole and broken.

use super::*;
use proptest::prelude::*;

fn board(name: &str) -> Board {
    drydock_assets::board(name).unwrap()
}

fn nano() -> Board {
    board("nano33ble")
}

/// A program for the Nano: a vector table, and bytes behind it.
fn program(rest: &[u8]) -> Vec<u8> {
    let words = [0x2004_0000_u32, 0x0001_0101];
    words
        .iter()
        .flat_map(|word| word.to_le_bytes())
        .chain(rest.iter().copied())
        .collect()
}

fn part(address: u32, bytes: &[u8]) -> Segment {
    Segment {
        address,
        bytes: bytes.to_vec(),
    }
}

fn elf(machine: u16, parts: &[Segment]) -> Vec<u8> {
    let mut file = b"\x7fELF\x01\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    let words = |file: &mut Vec<u8>, words: &[u32]| file.extend(words.iter().flat_map(|word| word.to_le_bytes()));
    words(
        &mut file,
        &[
            u32::from(machine) << 16 | 2,
            1,
            0,
            52,
            0,
            0,
            32 << 16 | 52,
            parts.len() as u32,
            0,
        ],
    );
    let mut at = 52 + 32 * parts.len() as u32;
    for part in parts {
        let bytes = part.bytes.len() as u32;
        // Its virtual address is in RAM; the physical one counts.
        words(&mut file, &[1, at, 0x2000_0000, part.address, bytes, bytes, 5, 4]);
        at += bytes;
    }
    parts.iter().for_each(|part| file.extend(&part.bytes));
    file
}

fn hex(parts: &[Segment]) -> Vec<u8> {
    let mut records = Vec::new();
    for part in parts {
        for (index, bytes) in part.bytes.chunks(16).enumerate() {
            let address = part.address + 16 * index as u32;
            records.push(ihex::Record::ExtendedLinearAddress((address >> 16) as u16));
            records.push(ihex::Record::Data {
                offset: address as u16,
                value: bytes.to_vec(),
            });
        }
    }
    records.push(ihex::Record::EndOfFile);
    let text = ihex::create_object_file_representation(&records).unwrap();
    // A file without its last line break is whole.
    text.trim_end().to_owned().into_bytes()
}

fn srec(parts: &[Segment]) -> Vec<u8> {
    let mut text = String::from("S00600004844521B\r\n");
    let mut line = |kind: char, address: u32, data: &[u8]| {
        let mut bytes = vec![data.len() as u8 + 5];
        bytes.extend(address.to_be_bytes());
        bytes.extend(data);
        let sum = bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
        bytes.push(!sum);
        let digits: String = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
        text += &format!("S{kind}{digits}\r\n");
    };
    for part in parts {
        for (address, data) in (part.address..).step_by(32).zip(part.bytes.chunks(32)) {
            line('3', address, data);
        }
    }
    line('7', 0, &[]);
    text.trim_end().to_owned().into_bytes()
}

fn uf2(parts: &[Segment], family: Option<u32>) -> Vec<u8> {
    let blocks: Vec<Segment> = parts
        .iter()
        .flat_map(|it| {
            (it.address..)
                .step_by(256)
                .zip(it.bytes.chunks(256))
                .map(|(address, bytes)| part(address, bytes))
        })
        .collect();
    let mut file = Vec::new();
    for (index, block) in blocks.iter().enumerate() {
        let flags = if family.is_some() { 0x2000 } else { 0 };
        let head = [
            0x0a32_4655,
            0x9e5d_5157,
            flags,
            block.address,
            block.bytes.len() as u32,
            index as u32,
            blocks.len() as u32,
            family.unwrap_or(0),
        ];
        let start = file.len();
        file.extend(head.iter().flat_map(|word: &u32| word.to_le_bytes()));
        file.extend(&block.bytes);
        file.resize(start + 508, 0);
        file.extend(0x0ab1_6f30_u32.to_le_bytes());
    }
    file
}

#[track_caller]
fn refused(file: &[u8], board: &Board, expected: &str) {
    assert_eq!(segments(file, board, None).unwrap_err().to_string(), expected);
}

proptest! {
    #[test]
    fn every_format_gives_the_bytes_back(rest in proptest::collection::vec(any::<u8>(), 1..3_000), gap in 1_u32..0x3_0000, other in proptest::collection::vec(any::<u8>(), 1..600)) {
        let first = part(0x1_0000, &program(&rest));
        let second = part(0x1_0000 + first.bytes.len() as u32 + gap, &other);
        let parts = [first, second];
        prop_assert_eq!(segments(&elf(40, &parts), &nano(), None).unwrap(), &parts);
        prop_assert_eq!(segments(&hex(&parts), &nano(), None).unwrap(), &parts);
        prop_assert_eq!(segments(&srec(&parts), &nano(), None).unwrap(), &parts);
        prop_assert_eq!(segments(&uf2(&parts, Some(0xada5_2840)), &nano(), None).unwrap(), &parts);
        prop_assert_eq!(segments(&parts[0].bytes, &nano(), None).unwrap(), &parts[..1]);
        prop_assert_eq!(segments(&other, &nano(), Some(0x2_0000)).unwrap(), [part(0x2_0000, &other)]);
    }

    #[test]
    fn a_file_that_is_cut_anywhere_is_refused_or_shorter(rest in proptest::collection::vec(any::<u8>(), 600..900), keep in 0.0..1.0) {
        let parts = [part(0x1_0000, &program(&rest))];
        for file in [elf(40, &parts), hex(&parts), srec(&parts), uf2(&parts, None)] {
            let kept = &file[..(file.len() as f64 * keep) as usize];
            // What is left of a header is a binary file, and no program; nothing else is taken.
            prop_assert!(segments(kept, &nano(), None).is_err());
        }
    }

    #[test]
    fn any_file_is_survived(head in prop::sample::select(vec![&b""[..], b"\x7fELF\x01\x01", b":10000000", b"S00600004844521B\n", b"S3150001", b"UF2\nWQ]\x9e", b"\xe9"]), rest in proptest::collection::vec(any::<u8>(), 0..1_200)) {
        let file = [head, &rest].concat();
        for name in ["nano33ble", "esp32-c6", "hifive1-revb"] {
            if let Ok(segments) = segments(&file, &board(name), None) {
                prop_assert!(segments.windows(2).all(|pair| pair[0].address + (pair[0].bytes.len() as u32) < pair[1].address));
                prop_assert!(segments.iter().all(|segment| !segment.bytes.is_empty()));
            }
        }
    }
}

#[test]
fn what_is_wrong_is_said() {
    let whole = [part(0x1_0000, &program(&[7; 600]))];
    refused(&[], &nano(), "The binary file has no bytes for the board's flash.");
    refused(
        &elf(243, &whole),
        &nano(),
        "The ELF file is for a RISC-V processor, and nRF52840 has an Arm Cortex-M4.",
    );
    refused(
        &elf(40, &whole),
        &board("esp32-c6"),
        "The ELF file is for an Arm processor, and ESP32-C6 has a RISC-V core.",
    );
    refused(
        &elf(94, &whole),
        &board("esp32-c6"),
        "The ELF file is for an Xtensa processor, and ESP32-C6 has a RISC-V core.",
    );
    refused(
        &elf(40, &[]),
        &nano(),
        "The ELF file has no bytes for the board's flash.",
    );
    refused(
        &elf(40, &whole)[..300],
        &nano(),
        "The ELF file is cut short; copy it again.",
    );
    refused(
        &uf2(&whole, None)[..700],
        &nano(),
        "The UF2 file is cut short; copy it again.",
    );
    refused(
        &uf2(&whole, None)[..1024],
        &nano(),
        "The UF2 file is cut short; copy it again.",
    );
    refused(
        &uf2(&whole, Some(0x5775_5a57)),
        &nano(),
        "The UF2 file is for another chip: its family is 0x57755a57, and nRF52840 is 0xada52840.",
    );
    let twice = [part(0x1_0000, &[1; 32]), part(0x1_0010, &[1; 32])];
    refused(
        &hex(&twice),
        &nano(),
        "The Intel HEX file has two parts for address 0x10010.",
    );
    let text = String::from_utf8(hex(&whole)).unwrap();
    refused(
        text.replacen("07", "08", 1).as_bytes(),
        &nano(),
        "The Intel HEX file is damaged: line 2: invalid checksum '90', expecting '91'.",
    );
    let lines: Vec<&str> = text.lines().collect();
    refused(
        lines[..lines.len() - 1].join("\n").as_bytes(),
        &nano(),
        "The Intel HEX file is cut short; copy it again.",
    );
    let text = String::from_utf8(srec(&whole)).unwrap();
    let wrong = |from: &str, to: &str| text.replacen(from, to, 1).into_bytes();
    for (file, what) in [
        (wrong("0707", "0807"), "line 2: its checksum is wrong"),
        (wrong("0707", "07"), "line 2: it has another length than it says"),
        (
            wrong("0707", "07G7"),
            "line 2: it has other characters than hexadecimal digits",
        ),
        (
            wrong("S32500010020", ":10"),
            "line 3: it does not begin with S and a digit",
        ),
    ] {
        let file: &[u8] = &file;
        refused(file, &nano(), &format!("The S-record file is damaged: {what}."));
    }
    refused(
        b"S0030000FC\nS3050001FFFFFB\n",
        &nano(),
        "The S-record file is cut short; copy it again.",
    );
    refused(
        &elf(40, &[part(0xffff_fff0, &[1; 32])]),
        &nano(),
        "The ELF file has bytes behind the last address, from 0xfffffff0 on.",
    );
    refused(
        &[0; 64],
        &nano(),
        "The binary file does not begin as programs for nRF52840 do: its stack pointer 0x00000000 is in no RAM of the chip.",
    );
    refused(
        b"text",
        &board("esp32-c6"),
        "A file for ESP32-C6 is an ELF file or an app image; this is neither.",
    );
    let mut app = vec![0xe9; 24];
    app[12..14].copy_from_slice(&5_u16.to_le_bytes());
    refused(
        &app,
        &board("esp32-c6"),
        "The app image is for another Espressif chip (number 5), not for the ESP32-C6.",
    );
}

/// Boards of users have no ways to write their flash, and take the same files.
#[test]
fn a_users_board_takes_the_files_of_its_chip() {
    for text in ["extends = \"esp32-c6\"", "chip = \"esp32-c6\""] {
        let own = Board::parse_own("b.toml", &format!("name = \"mine\"\n{text}\n")).unwrap();
        refused(
            b"text",
            &own,
            "A file for ESP32-C6 is an ELF file or an app image; this is neither.",
        );
        assert_eq!(own.boot, board("esp32-c6").boot);
    }
}

#[test]
fn an_esp_gets_bootloader_partitions_and_app() {
    let board = board("esp32-c6");
    let firmware = drydock_embedded::firmware("esp32-c6").unwrap();
    let laid_out = segments(firmware.elf, &board, None).unwrap();
    let addresses: Vec<u32> = laid_out.iter().map(|segment| segment.address).collect();
    assert_eq!(addresses, [0x1000_0000, 0x1000_8000, 0x1001_0000]);
    // The first byte of an image, and of an entry of the partition table.
    assert_eq!(
        laid_out.iter().map(|segment| segment.bytes[0]).collect::<Vec<_>>(),
        [0xe9, 0xaa, 0xe9]
    );
    // The app alone gives the same.
    assert!(segments(&laid_out[2].bytes, &board, None).unwrap() == laid_out);
}

/// A bootloader's header for the ESP32-C6, and a partition table at its place.
fn flash_image(bytes: usize) -> Vec<u8> {
    let mut file = vec![0xff; bytes.max(0x8020)];
    file[..24].fill(0);
    file[0] = 0xe9;
    file[12] = 13;
    file[0x8000..0x8002].copy_from_slice(&[0xaa, 0x50]);
    file
}

#[test]
fn a_flash_image_of_an_espressif_chip_is_the_flash_from_its_beginning_on() {
    let board = board("esp32-c6");
    let mut file = flash_image(8 << 20);
    file[0x1_0000] = 7;
    assert_eq!(Format::of(&file, &board), Format::EspFlash);
    let parts = segments(&file, &board, None).unwrap();
    assert_eq!(
        parts,
        [part(0x1000_0000, &file[..=0x1_0000])],
        "without the erased rest"
    );
    file[5 << 20] = 7;
    let why = segments(&file, &board, None).unwrap_err().to_string();
    assert_eq!(why, "The flash image has 5242881 bytes, and the board's flash 4194304.");
    file[12] = 5;
    let why = segments(&file, &board, None).unwrap_err().to_string();
    assert!(why.contains("for another Espressif chip (number 5)"), "{why}");
}

#[test]
fn without_a_partition_table_it_is_an_app_image() {
    let mut file = flash_image(0);
    file[0x8000] = 0xff;
    assert_eq!(Format::of(&file, &board("esp32-c6")), Format::EspApp);
    assert_eq!(Format::of(&flash_image(0), &nano()), Format::Binary);
}
