//! Decoders of texts: transfers of a bus with the names of its devices, bytes of a UART.

use drydock_scope_model::{
    Entry, LaneId,
    decode::{Annotation, Bytes, Decoder, I2cTransfers},
};

const LANE: LaneId = LaneId(1);

fn read(decoder: &mut dyn Decoder, text: &[u8]) -> Annotation {
    let mut out = Vec::new();
    for lane in [LaneId(0), LANE] {
        decoder.feed(lane, &Entry::Text { at_ns: 7, bytes: text }, &mut out);
    }
    assert_eq!(out.len(), 1, "only the lane of the decoder: {out:?}");
    assert_eq!((out[0].range.from_ns, out[0].range.len_ns()), (7, 0));
    out.remove(0)
}

#[track_caller]
fn transfer(text: &str, expected: &str, data: &[u8]) {
    let mut bus = I2cTransfers::new(LANE, vec![(0x76, "bme280".into()), (0x3c, "display".into())]);
    let annotation = read(&mut bus, text.as_bytes());
    assert_eq!(
        (annotation.text.as_str(), annotation.is_error),
        (expected, false),
        "{text}"
    );
    assert_eq!(annotation.bytes, data, "{text}");
}

#[test]
fn transfers_name_their_devices() {
    transfer("76w d0", "bme280 write d0", &[0xd0]);
    transfer("76w d0 | 76r 60 61", "bme280 write d0, read 60 61", &[0xd0, 0x60, 0x61]);
    transfer("3cw 00! | 76r 60", "display write 00!, bme280 read 60", &[0, 0x60]);
    transfer("50w no answer", "0x50 write no answer", &[]);
    transfer("07r", "0x07 read", &[]);
}

#[test]
fn a_text_that_is_no_transfer_is_said() {
    for text in [b"".as_slice(), b"76", b"zzw 00", b"hello", b"\xff\xfe", b"76w 00 | "] {
        let annotation = read(&mut I2cTransfers::new(LANE, Vec::new()), text);
        assert!(
            annotation.is_error && annotation.text == "no transfer",
            "{annotation:?}"
        );
    }
}

#[test]
fn bytes_are_numbers_and_letters() {
    let short = read(&mut Bytes::new(LANE), b"OK\r\n\xff");
    assert_eq!(short.text, "4f 4b 0d 0a ff |OK...|");
    assert_eq!(short.bytes, b"OK\r\n\xff");
    let long = read(&mut Bytes::new(LANE), &[b'a'; 70]);
    assert!(
        long.text.starts_with("61 61 ") && long.text.ends_with("a| and 6 bytes more"),
        "{}",
        long.text
    );
}
