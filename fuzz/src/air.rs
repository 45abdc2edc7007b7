//! Frames on the air, as programs on other boards make them.

use drydock_emulator::{
    AirEvent, AirFrame, Heard, Modulation, VirtualTime,
    ether::{Capture, Content, Ether},
};

const MODULATIONS: [Modulation; 7] = [
    Modulation::Nrf1M,
    Modulation::Nrf2M,
    Modulation::Ble1M,
    Modulation::Ble2M,
    Modulation::BleCoded125K,
    Modulation::BleCoded500K,
    Modulation::Ieee802154,
];

/// A frame of any bits passes an ether and a capture; what can be read of it becomes the same frame again.
pub fn air_frame(data: &[u8]) {
    let [kind, channel, sync, cut, body @ ..] = data else {
        return;
    };
    let modulation = MODULATIONS[usize::from(*kind) % MODULATIONS.len()];
    let body: Vec<u8> = body.iter().take(300).copied().collect();
    let frame = AirFrame {
        begin: VirtualTime::from_us(u64::from(*cut)),
        modulation,
        mhz: 2360 + u16::from(*channel),
        dbm: *sync as i8,
        preamble_bits: 8,
        sync: match sync % 4 {
            0 => vec![0xa7],
            1 => vec![0xd6, 0xbe, 0x89, 0x8e],
            _ => vec![*sync; usize::from(sync % 6)],
        },
        body_bits: (8 * body.len() as u16).saturating_sub(u16::from(cut % 9)),
        body,
        damaged_from: None,
    };
    let content = Content::of(&frame);
    if let Ok(again) = content.frame(frame.begin, modulation, frame.dbm) {
        assert_eq!(Content::of(&again), content);
    }
    let mut ether = Ether::new([*kind; 32]);
    let (one, two) = (ether.join(), ether.join());
    ether.carry(one, AirEvent::Frame(frame));
    ether.cut(one, VirtualTime::from_us(300));
    let heard = ether.take(two);
    assert!(matches!(heard.first(), Some(Heard::Frame(..))) && heard.len() <= 2);
    let (ended, _) = ether.take_ended(VirtualTime::MAX);
    assert_eq!(ended.len(), 1);
    let written = Capture::new(std::io::sink()).and_then(|mut capture| capture.write(&ended[0]));
    assert!(written.is_ok());
}
