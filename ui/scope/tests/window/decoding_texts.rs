//! Decoders on lanes of texts: transfers with the names of parts, bytes, frames of the link.

use crate::support::{Board, harness};
use drydock_scope::{
    decoding::{DecoderSetting, Protocol},
    session::Session,
};
use eframe::egui::{Key, accesskit::Role};
use egui_kittest::{Harness, kittest::Queryable};

fn setting(protocol: Protocol, lane: &str) -> DecoderSetting {
    DecoderSetting {
        protocol,
        lanes: vec![lane.into()],
        // What carries bytes has no speed.
        baud: String::new(),
        ..DecoderSetting::default()
    }
}

/// What a decoder reads, as the window tells it.
fn read(harness: &mut Harness<'_, Session>, protocol: Protocol, lane: &str) -> String {
    let setting = setting(protocol, lane);
    let title = setting.title();
    harness.state_mut().add_decoder(setting);
    let begin = std::time::Instant::now();
    loop {
        harness.run_steps(2);
        assert_eq!(harness.state().message, "");
        let values = harness
            .query_all_by_label(title.as_str())
            .filter_map(|node| node.value());
        if let Some(value) = values.into_iter().find(|value| !value.is_empty()) {
            return value;
        }
        assert!(begin.elapsed() < std::time::Duration::from_secs(60));
        std::thread::yield_now();
    }
}

#[test]
fn transfers_and_bytes_are_read_from_texts() {
    let board = Board::new("Desk");
    let (path, ..) = board.with_texts();
    let mut harness = harness(&[path]);
    harness.run_steps(2);
    let bus = read(&mut harness, Protocol::I2cTransfers, "Desk/i2c P0.26 P0.27");
    assert_eq!(bus, "climate write d0, read 60 climate write f7 no answer");
    let bytes = read(&mut harness, Protocol::Bytes, "Desk/uart0.tx");
    assert_eq!(bytes, "62 6f 6f 74 20 45 52 |boot ER| 52 4f 52 0d 0a |ROR..|");
    // Their boxes are as long as their words.
    assert!(harness.state().decoders.all.iter().all(|it| it.decoded.is_told));
    // No frame of the link ends here.
    harness
        .state_mut()
        .add_decoder(setting(Protocol::Link, "Desk/uart0.tx"));
    assert_eq!(harness.state().message, "");
    harness
        .state_mut()
        .add_decoder(setting(Protocol::Uart, "Desk/uart0.tx"));
    assert_eq!(
        harness.state().message,
        "UART does not read Desk/uart0.tx; choose a pin."
    );
    harness
        .state_mut()
        .add_decoder(setting(Protocol::Bytes, "Desk/console"));
    let expected = "Bytes does not read Desk/console; choose a UART such as uart0.tx.";
    assert_eq!(harness.state().message, expected);
}

#[test]
fn the_panel_offers_what_a_protocol_reads() {
    let board = Board::new("Desk");
    let (path, ..) = board.with_texts();
    let mut harness = harness(&[path]);
    harness.state_mut().new_decoder = setting(Protocol::Link, "Desk/uart0.tx");
    harness.run_steps(2);
    harness.key_press(Key::D);
    harness.run_steps(3);
    assert!(harness.query_by_label("Baud").is_none(), "bytes have no speed");
    harness.get_by_role_and_label(Role::ComboBox, "Line").click();
    harness.run_steps(3);
    // Each lane has its name in the window; the list has those once more that the protocol reads.
    let shown = |name: &str| harness.query_all_by_label(name).count();
    assert_eq!(shown("Desk/console"), 1);
    assert!(shown("Desk/uart0.tx") >= 2);
}
