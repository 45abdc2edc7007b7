//! Passes the linker script to the linker.

use std::{env, error::Error, fs, path::PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::copy("drydock.x", out.join("drydock.x"))?;
    println!("cargo::rustc-link-search={}", out.display());
    println!("cargo::rustc-link-arg-bins=-Tdrydock.x");
    println!("cargo::rerun-if-changed=drydock.x");
    Ok(())
}
