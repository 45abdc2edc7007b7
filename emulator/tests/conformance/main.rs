//! The conformance suite over `Engine`: small programs for the Nano 33 BLE with their expected results. An engine
//! that cannot be used here is reported as ignored, by name and with the reason.

mod basics;
mod board;
mod guest;
mod limits;
mod replay;
mod report;
mod snapshot;

use drydock_emulator::{Availability, Engine};
use libtest_mimic::{Arguments, Failed, Trial};

/// One check of an engine.
type Check = fn(&dyn Engine) -> Result<(), Failed>;

fn main() {
    let arguments = Arguments::from_args();
    let checks: Vec<(&'static str, Check)> = [basics::CHECKS, board::CHECKS, replay::CHECKS, snapshot::CHECKS].concat();
    let names: Vec<&'static str> = checks.iter().map(|(name, _)| *name).collect();
    let mut trials = vec![
        Trial::test("guests_are_renewed", guest::are_renewed),
        report::trial(names.clone()),
    ];
    let board = drydock_assets::board("nano33ble").expect("the board is described");
    for (index, engine) in drydock_emulator::engines().iter().enumerate() {
        for (name, check) in checks.clone() {
            let limit = match engine.supports(&board) {
                true => limits::reason(engine.name(), name),
                false => Some("it has no model of nano33ble, which the suite runs on"),
            };
            let name = format!("{}::{name}", engine.name());
            if let Some(reason) = limit {
                trials.push(Trial::test(format!("{name} (skipped: {reason})"), || Ok(())).with_ignored_flag(true));
                continue;
            }
            trials.push(match engine.availability() {
                Availability::Available { .. } => Trial::test(name, move || {
                    // Created again in the trial's thread: an engine need not be cloned to be shared.
                    check(&*drydock_emulator::engines()[index])
                }),
                Availability::Unavailable { reason } => {
                    Trial::test(format!("{name} (skipped: {reason})"), || Ok(())).with_ignored_flag(true)
                }
            });
        }
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    report::write(&names, &conclusion);
    conclusion.exit();
}
