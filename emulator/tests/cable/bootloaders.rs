//! A board is called into its bootloader, and leaves it.

use drydock_emulator::cable::{Runs, SerialCable};
use drydock_emulator::{Image, VirtualTime};

use super::{BAUD, Client, add, board, echo, plug, runner, wait};

/// Opens and closes the port at 1200 baud, and waits until the board has come back at another path.
fn touch(cable: &SerialCable) {
    let before = cable.path();
    drop(Client::open(&before.clone().unwrap(), 1_200));
    wait(|| cable.runs() == Runs::Bootloader);
    assert_ne!(cable.path(), before);
}

#[test]
fn the_touch_calls_sam_ba_and_its_reset_starts_the_firmware() {
    let (runner, nano) = (runner(), board("nano33ble"));
    let cable = plug(echo(&runner), &nano).unwrap();
    let mut old = Client::open(&cable.path().unwrap(), BAUD);
    // Another program still has it open: that is no touch.
    drop(Client::open(&cable.path().unwrap(), 1_200));
    old.set_baud(BAUD);
    old.write(b"HAL");
    assert_eq!(old.read(3), b"IBM");
    drop(old);
    touch(&cable);
    assert_eq!(cable.watch().borrow().usb, Some((0x2341, 0x005a)));
    let mut client = Client::open(&cable.path().unwrap(), 921_600);
    client.write(b"N#I#");
    assert_eq!(client.read(18), b"\n\rnRF52840-QIAA\n\r\0");
    // DEVICEID, by which the firmware names its chip.
    client.write(b"w10000060,4#w10000064,4#");
    assert!(client.read(8).iter().any(|byte| *byte != 0));
    client.write(b"K#");
    client.wait_for_end();
    wait(|| cable.runs() == Runs::Firmware);
    assert_eq!(cable.watch().borrow().usb, Some((0x2341, 0x805a)));
    let mut client = Client::open(&cable.path().unwrap(), BAUD);
    // The guest may not listen yet: it asks until it is answered.
    client.write(b"HAL");
    let _ = client.read(1);
}

#[test]
fn dropping_dtr_at_1200_baud_is_a_touch_too() {
    let (runner, nano) = (runner(), board("nano33ble"));
    let cable = plug(echo(&runner), &nano).unwrap();
    let mut client = Client::open(&cable.path().unwrap(), BAUD);
    cable.lines().set(true, true).unwrap();
    cable.lines().set(false, true).unwrap();
    client.write(b"HAL");
    assert_eq!(client.read(3), b"IBM");
    cable.lines().set(true, true).unwrap();
    client.set_baud(1_200);
    cable.lines().set(false, false).unwrap();
    wait(|| cable.runs() == Runs::Bootloader);
}

#[test]
fn a_blank_board_waits_in_its_bootloader() {
    let runner = runner();
    for name in ["nano33ble", "esp32-c6"] {
        let board = board(name);
        let handle = add(&runner, &board, None);
        let cable = plug(handle.clone(), &board).unwrap();
        assert_eq!(cable.runs(), Runs::Bootloader, "{name}");
        let before = handle.status().virtual_time;
        let mut client = Client::open(&cable.path().unwrap(), 115_200);
        match name {
            "nano33ble" => client.write(b"N#"),
            _ => client.write(&sync()),
        }
        client.read(2);
        // The machine stands still meanwhile.
        assert_eq!(handle.status().virtual_time, before, "{name}");
    }
}

/// A SYNC packet.
fn sync() -> Vec<u8> {
    let mut packet = vec![0xc0, 0, 8, 36, 0, 0, 0, 0, 0, 7, 7, 0x12, 0x20];
    packet.extend([0x55; 32]);
    packet.push(0xc0);
    packet
}

#[test]
fn the_lines_choose_between_rom_and_firmware() {
    let (runner, board) = (runner(), board("esp32-c6"));
    let firmware = drydock_embedded::firmware("esp32-c6").unwrap();
    let handle = add(&runner, &board, Some(&Image::from_elf(firmware.elf).unwrap()));
    let cable = plug(handle.clone(), &board).unwrap();
    let (path, lines) = (cable.path(), cable.lines());
    assert_eq!(cable.runs(), Runs::Firmware);
    let mut client = Client::open(&path.clone().unwrap(), 921_600);
    client.read(1);
    lines.set(false, true).unwrap();
    wait(|| cable.runs() == Runs::Nothing);
    lines.set(true, false).unwrap();
    wait(|| cable.runs() == Runs::Bootloader);
    // The ROM measures the rate.
    client.set_baud(115_200);
    client.write(&sync());
    let answers = client.read_until(|bytes| bytes.windows(3).filter(|it| it == &[0xc0, 1, 8]).count() == 8);
    assert!(answers.ends_with(&[0, 0, 0, 0, 0xc0]), "{answers:02x?}");
    lines.set(false, true).unwrap();
    lines.set(false, false).unwrap();
    wait(|| cable.runs() == Runs::Firmware);
    client.set_baud(921_600);
    client.read(1);
    wait(|| handle.status().virtual_time > VirtualTime::from_ms(1));
    // A USB-UART bridge stays where it is.
    assert_eq!(cable.path(), path);
}
