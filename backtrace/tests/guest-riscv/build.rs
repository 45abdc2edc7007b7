//! The memory map of each chip.

fn main() {
    for chip in ["fe310", "esp32c6"] {
        let folder = env!("CARGO_MANIFEST_DIR");
        println!("cargo:rustc-link-arg-bin={chip}=-T{folder}/{chip}.ld");
        println!("cargo:rerun-if-changed={chip}.ld");
    }
}
