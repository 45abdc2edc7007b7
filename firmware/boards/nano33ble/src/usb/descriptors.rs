//! What the device says about itself: a CDC-ACM serial port (USB 2.0 9.6, CDC 1.2 5.2).

/// Packet size of endpoint 0 and of the bulk endpoints, in bytes.
pub(super) const PACKET_BYTES: usize = 64;
/// The endpoint of notifications, of which there are none.
pub(super) const NOTIFY: usize = 1;
/// The endpoint of data, in both directions.
pub(super) const BULK: usize = 2;

/// Arduino's ids of this board (assets/boards/nano33ble.toml).
pub(super) const DEVICE: &[u8; 18] = &[
    18,
    1, // DEVICE
    0x00,
    0x02, // USB 2.0
    2,    // Communications
    0,
    0,
    PACKET_BYTES as u8,
    0x41,
    0x23, // idVendor
    0x5a,
    0x80, // idProduct
    0x00,
    0x01, // bcdDevice
    1,
    2,
    3, // strings
    1, // configurations
];

pub(super) const CONFIGURATION: &[u8; 67] = &[
    9,
    2,
    67,
    0,
    2,
    1,
    0,
    0x80,
    250, // bus-powered, 500 mA: the board's regulator and what its pins feed
    9,
    4,
    0,
    0,
    1,
    2,
    2,
    0,
    0, // interface 0: Communications, ACM
    5,
    0x24,
    0,
    0x10,
    0x01, // header: CDC 1.10
    5,
    0x24,
    1,
    0,
    1, // call management: none
    4,
    0x24,
    2,
    2, // ACM: line coding and control line state
    5,
    0x24,
    6,
    0,
    1, // union of interfaces 0 and 1
    7,
    5,
    0x80 | NOTIFY as u8,
    3,
    8,
    0,
    255, // interrupt IN
    9,
    4,
    1,
    0,
    2,
    10,
    0,
    0,
    0, // interface 1: data
    7,
    5,
    0x80 | BULK as u8,
    2,
    PACKET_BYTES as u8,
    0,
    0, // bulk IN
    7,
    5,
    BULK as u8,
    2,
    PACKET_BYTES as u8,
    0,
    0, // bulk OUT
];

/// English (United States), the only language of the strings.
pub(super) const LANGUAGE: &[u8; 4] = &[4, 3, 0x09, 0x04];
pub(super) const MANUFACTURER: &[u8] = b"Drydock";
pub(super) const PRODUCT: &[u8] = b"Arduino Nano 33 BLE";
