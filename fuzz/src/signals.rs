//! Signals on wires, which anything may drive.

use drydock_scope_model::{
    Entry, LaneId, TimeRange,
    decode::{Bytes, Decoder, I2c, I2cTransfers, Link, OneWire, Parity, Spi, SpiMode, Uart, Ws2812},
};

/// Each three bytes are an edge or a gap on one of four lanes, some time later. Every decoder survives them, and what it
/// says is in order and carries no more bytes than bits came.
pub fn signals(data: &[u8]) {
    // A lane has edges or texts.
    let has_texts = data.first().is_some_and(|first| first & 4 != 0);
    let lane = LaneId;
    let uart = Uart::new(lane(0), 1_000_000);
    let decoders: [&mut dyn Decoder; 8] = [
        &mut uart.clone(),
        &mut uart.clone().with_frame(7, Parity::Odd),
        &mut Link::new(uart.clone()),
        &mut I2c::new(lane(0), lane(1)),
        &mut Spi::new(SpiMode::Mode0, lane(0), Some(lane(1)), Some(lane(2)), Some(lane(3))),
        &mut Spi::new(SpiMode::Mode3, lane(0), None, None, None),
        &mut Ws2812::new(lane(0)),
        &mut OneWire::new(lane(0)),
    ];
    for decoder in decoders {
        let mut out = Vec::new();
        let mut now_ns = 0;
        for step in data.chunks_exact(3) {
            // From a nanosecond to a millisecond later.
            now_ns += u64::from(step[1]) << (step[0] >> 4);
            let id = lane(u32::from(step[0] & 3));
            let entry = if step[2] < 4 {
                let range = TimeRange::new(now_ns, now_ns + 1_000);
                now_ns = range.until_ns;
                Entry::Gap { range, lost: 1 }
            } else if has_texts {
                Entry::Text {
                    at_ns: now_ns,
                    bytes: data,
                }
            } else {
                Entry::Level {
                    at_ns: now_ns,
                    is_high: step[2] & 1 != 0,
                }
            };
            decoder.feed(id, &entry, &mut out);
        }
        decoder.finish(now_ns + 1_000_000, &mut out);
        let mut last_ns = 0;
        for annotation in &out {
            assert!(annotation.range.from_ns >= last_ns, "out of order");
            last_ns = annotation.range.from_ns;
            assert!(!annotation.text.is_empty() && annotation.bytes.len() <= 256);
        }
    }
    // What only texts have.
    let names = vec![(0x76, "part".to_owned())];
    let decoders: [&mut dyn Decoder; 2] = [&mut I2cTransfers::new(lane(0), names), &mut Bytes::new(lane(0))];
    for decoder in decoders {
        let mut out = Vec::new();
        let text = Entry::Text { at_ns: 0, bytes: data };
        decoder.feed(lane(0), &text, &mut out);
        assert!(out.iter().all(|it| !it.text.is_empty() && it.bytes.len() <= data.len()));
    }
}
