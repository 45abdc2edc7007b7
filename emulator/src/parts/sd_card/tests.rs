//! The card as a host meets it, byte by byte.

use super::super::tests::parts;
use super::super::{Parts, SpiPins};
use super::*;

const BUS: SpiPins = SpiPins {
    sck: 13,
    mosi: Some(33),
    miso: Some(40),
};
const SELECT: u16 = 34;

struct Host {
    parts: Parts,
    now: VirtualTime,
}

impl Host {
    fn new() -> Self {
        let mut parts = parts(&["sd-card"]);
        parts.pin_changed(VirtualTime::ZERO, SELECT, Some(false));
        Self {
            parts,
            now: VirtualTime::from_ms(1),
        }
    }

    fn byte(&mut self, byte: u8) -> u8 {
        // 8 MHz.
        self.now += VirtualTime::from_us(1);
        self.parts.spi_transfer(self.now, BUS, byte)
    }

    /// A command with its checksum; returns R1, or 0xff if nobody answers.
    fn command(&mut self, index: u8, argument: u32) -> u8 {
        let [a, b, c, d] = argument.to_be_bytes();
        let frame = [0x40 | index, a, b, c, d];
        let sum = crc7(&frame) << 1 | 1;
        self.frame([frame[0], a, b, c, d, sum])
    }

    fn frame(&mut self, frame: [u8; 6]) -> u8 {
        for byte in frame {
            self.byte(byte);
        }
        (0..10)
            .map(|_| self.byte(0xff))
            .find(|byte| *byte != 0xff)
            .unwrap_or(0xff)
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.byte(0xff)).collect()
    }

    /// A block after its token, with its checksum; the error is another token.
    fn block(&mut self, bytes: usize) -> Result<Vec<u8>, u8> {
        let token = (0..1_000).map(|_| self.byte(0xff)).find(|byte| *byte != 0xff);
        match token {
            Some(START) => {}
            other => return Err(other.unwrap_or(0xff)),
        }
        let data = self.bytes(bytes);
        assert_eq!(self.bytes(2), crc16(&data).to_be_bytes());
        Ok(data)
    }

    /// Sends a block; returns the response, and how long the card was busy, in microseconds.
    fn send(&mut self, token: u8, data: &[u8], sum: u16) -> (u8, usize) {
        for byte in [0xff, token].iter().chain(data).chain(&sum.to_be_bytes()) {
            self.byte(*byte);
        }
        let response = self.byte(0xff) & 0x1f;
        (response, self.wait())
    }

    fn wait(&mut self) -> usize {
        (0..10_000).take_while(|_| self.byte(0xff) == 0).count()
    }

    fn ready() -> Self {
        let mut host = Self::new();
        assert_eq!(host.command(0, 0), 1);
        assert_eq!(host.command(8, 0x1aa), 1);
        assert_eq!(host.bytes(4), [0, 0, 1, 0xaa]);
        let mut tries = 0;
        while {
            assert!(host.command(55, 0) <= 1);
            host.command(41, 1 << 30) != 0
        } {
            tries += 1;
            host.now += VirtualTime::from_ms(1);
        }
        assert!((15..=20).contains(&tries), "{tries}");
        assert_eq!(host.command(58, 0), 0);
        assert_eq!(host.bytes(4), [0xc0, 0xff, 0x80, 0], "ready, and of high capacity");
        host
    }
}

#[test]
fn a_card_hears_nothing_before_it_is_in_spi_mode() {
    let mut host = Host::new();
    assert_eq!(host.command(8, 0x1aa), 0xff);
    assert_eq!(
        host.frame([0x40, 0, 0, 0, 0, 0x97]),
        0xff,
        "neither a reset with a wrong checksum"
    );
    assert_eq!(host.command(0, 0), 1);
    assert_eq!(host.frame([0x48, 0, 0, 1, 0xaa, 0x85]), 0x09, "a checksum of CMD8");
    assert_eq!(host.command(17, 0), 5, "it is not initialised");
    assert_eq!((host.command(55, 0), host.command(41, 0)), (1, 1));
    host.now += VirtualTime::from_ms(100);
    assert_eq!(
        (host.command(55, 0), host.command(41, 0)),
        (1, 1),
        "a host without high capacity"
    );
    assert_eq!(host.command(41, 1 << 30), 5, "without CMD55");
}

#[test]
fn blocks_are_written_and_read() {
    let mut host = Host::ready();
    let data: Vec<u8> = (0..512_u32).map(|index| index as u8 ^ (index >> 8) as u8).collect();
    assert_eq!(host.command(24, 5), 0);
    let (response, busy) = host.send(START, &data, 0);
    assert_eq!(response, 5);
    assert!((480..=500).contains(&busy), "busy for {busy} µs");
    assert_eq!(host.command(17, 5), 0);
    assert_eq!(host.block(512), Ok(data.clone()));
    // Several blocks, also over the end of the card.
    let last = host.parts.read_content("sd-card").unwrap().len() as u32 / 512 - 1;
    assert_eq!(host.command(25, last - 1), 0);
    assert_eq!(host.send(START_MULTIPLE, &[1; 512], 0).0, 5);
    assert_eq!(host.send(START_MULTIPLE, &[2; 512], 0).0, 5);
    assert_eq!(host.send(START_MULTIPLE, &[3; 512], 0).0, 0x0d, "behind the end");
    host.byte(STOP_MULTIPLE);
    host.byte(0xff);
    assert!(host.wait() > 400);
    assert_eq!(host.command(18, last - 1), 0);
    assert_eq!(host.block(512), Ok(vec![1; 512]));
    assert_eq!(host.block(512), Ok(vec![2; 512]));
    assert_eq!(host.block(512), Err(8), "behind the end");
    assert_eq!(host.command(12, 0), 0);
    assert_eq!(host.command(12, 0), 4, "nothing is read");
    assert_eq!(host.command(17, last + 1), 0x40);
    assert_eq!((host.command(16, 512), host.command(16, 1_024)), (0, 0x40));
    assert_eq!(host.command(13, 0), 0);
    assert_eq!(host.command(6, 0), 4);
    // A power cut keeps the memory and nothing else.
    host.parts.power_cycle(host.now);
    host.parts.pin_changed(host.now, SELECT, Some(true));
    host.parts.pin_changed(host.now, SELECT, Some(false));
    assert_eq!(host.command(17, 5), 0xff);
    assert_eq!(host.parts.read_content("sd-card").unwrap()[5 * 512..6 * 512], data);
}

#[test]
fn checksums_are_checked_when_they_are_wanted() {
    let mut host = Host::ready();
    assert_eq!(host.frame([0x51, 0, 0, 0, 0, 0xff]), 0, "not yet");
    assert!(host.block(512).is_ok());
    assert_eq!(host.command(59, 1), 0);
    assert_eq!(host.frame([0x51, 0, 0, 0, 0, 0xff]), CRC_ERROR);
    assert_eq!(host.command(24, 0), 0);
    assert_eq!(host.send(START, &[7; 512], 0x1234).0, DATA_CRC);
    assert_eq!(host.command(24, 0), 0);
    assert_eq!(host.send(START, &[7; 512], crc16(&[7; 512])).0, ACCEPTED);
}

#[test]
fn registers_tell_the_size_of_the_image() {
    let mut host = Host::new();
    let image = vec![0x42; (1 << 20) + 512];
    host.parts.load(host.now, "sd-card", &image).unwrap();
    let bytes = host.parts.read_content("sd-card").unwrap();
    assert_eq!(bytes.len(), 3 * (512 << 10), "rounded up");
    assert_eq!(bytes[..image.len()], image);
    assert!(bytes[image.len()..].iter().all(|byte| *byte == 0xff));
    let refused = host.parts.load(host.now, "sd-card", &image[..600]).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the file has 600 bytes, and a sd-card has whole blocks of 512"
    );
    let mut host = Host {
        parts: host.parts,
        ..Host::ready()
    };
    assert_eq!(host.command(0, 0), 1);
    assert_eq!((host.command(55, 0), host.command(41, 1 << 30)), (1, 1));
    host.now += VirtualTime::from_ms(20);
    assert_eq!((host.command(55, 0), host.command(41, 1 << 30)), (0, 0));
    assert_eq!(host.command(9, 0), 0);
    let csd = host.block(16).unwrap();
    assert_eq!(
        (csd[0] >> 6, &csd[7..10]),
        (1, &[0, 0, 2][..]),
        "(C_SIZE + 1) × 512 KiB"
    );
    assert_eq!(csd[15], crc7(&csd[..15]) << 1 | 1);
    assert_eq!(host.command(10, 0), 0);
    assert_eq!(host.block(16).unwrap()[1..8], *b"DDDRYDK");
}
