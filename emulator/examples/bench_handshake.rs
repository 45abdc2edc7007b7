//! Measures speed on real device work: the Nano's firmware generates its key, enrolls, and opens its TLS 1.3 session
//! with a gateway in the same process. Prints one JSON object a line for `./x bench`. Host time includes the
//! gateway's side of the cryptography.

#[path = "../tests/firmware/support/mod.rs"]
mod support;

use std::error::Error;
use std::time::Instant;

use drydock_emulator::Image;
use serde_json::json;
use support::world::World;

/// Number of runs; the best is reported.
const ROUNDS: usize = 5;

fn main() -> Result<(), Box<dyn Error>> {
    let rounds = match std::env::args().nth(1).as_deref() {
        None => ROUNDS,
        Some("--quick") => 1,
        Some(other) => return Err(format!("unknown argument {other}").into()),
    };
    let image = Image::from_elf(drydock_embedded::firmware("nano33ble")?.elf)?;
    let runs = (0..rounds).map(|_| {
        let start = Instant::now();
        let world = World::in_session(&image);
        let took = start.elapsed().as_secs_f64();
        (took, world.machine.instructions(), world.machine.now())
    });
    let (took, instructions, virtual_time) = runs.min_by(|a, b| a.0.total_cmp(&b.0)).ok_or("no round")?;
    let note = format!(
        "{instructions} instructions in {took:.2} s, {:.2} s of the board's own time; boot, enrollment and both handshakes",
        virtual_time.as_us() as f64 / 1e6
    );
    let row = json!({
        "what": "Arm: builtin engine, our firmware from power-on to its TLS session",
        "value": instructions as f64 / took / 1e6,
        "unit": "MIPS",
        "note": note,
    });
    println!("{row}");
    Ok(())
}
