//! Passes the memory map to the linker.

use std::{env, error::Error, fs, path::PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::copy("hifive1.x", out.join("hifive1.x"))?;
    println!("cargo::rustc-link-search={}", out.display());
    println!("cargo::rustc-link-arg-bins=-Thifive1.x");
    println!("cargo::rerun-if-changed=hifive1.x");
    Ok(())
}
