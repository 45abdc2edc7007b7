//! The programs that tests run carry the firmware of every board, in its final form.

use drydock_embedded::{boards_with_firmware, embedded_firmware};

#[test]
fn every_boards_final_firmware_is_embedded() {
    let embedded: Vec<&str> = embedded_firmware().iter().map(|image| image.board).collect();
    assert_eq!(embedded, boards_with_firmware(), "run `cargo xtask firmware`");
    for image in embedded_firmware() {
        let path = format!("{}/../firmware/{}.elf", env!("CARGO_MANIFEST_DIR"), image.board);
        let elf = std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}; run `cargo xtask firmware`"));
        assert!(elf == image.elf, "{} was built anew after this program", image.board);
    }
}
