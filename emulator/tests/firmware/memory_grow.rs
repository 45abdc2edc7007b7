//! `memory.grow` on a board: it succeeds within the module's maximum and the heap's free space, and otherwise gives -1
//! as the specification says (WebAssembly core specification, 4.4.7). A start function runs first.

use crate::support::{
    package::{deploy, manifest, wasm},
    world::World,
};
use drydock_emulator::Image;
use drydock_protocol::types::AppState;
use libtest_mimic::{Failed, Trial};

const COMMANDS: &[(&str, &str)] = &[
    ("within-maximum", include_str!("memory_grow/within-maximum.wat")),
    ("beyond-the-board", include_str!("memory_grow/beyond-the-board.wat")),
    (
        "start-first",
        r#"(module (global $ready (mut i32) (i32.const 0))
            (func $start (global.set $ready (i32.const 1))) (start $start)
            (func (export "_start") (if (i32.eqz (global.get $ready)) (then unreachable))))"#,
    ),
];

/// The sample app whose `Vec` grows the memory, if it was built.
pub(crate) fn trial() -> Trial {
    let name = "nano33ble::an_app_with_a_heap_runs";
    match (drydock_embedded::firmware("nano33ble"), drydock_embedded::app("median")) {
        (Ok(firmware), Ok(app)) => Trial::test(name, move || runs(&Image::from_elf(firmware.elf)?, app.wasm)),
        (Err(missing), _) | (_, Err(missing)) => {
            Trial::test(format!("{name} (skipped: {missing})"), || Ok(())).with_ignored_flag(true)
        }
    }
}

fn runs(image: &Image, module: &[u8]) -> Result<(), Failed> {
    let mut world = World::in_session(image);
    let mut manifest = manifest("median", 1, module);
    manifest.limits.memory_bytes = u32::MAX;
    deploy(&mut world, &manifest, module).map_err(|refusal| refusal.detail)?;
    for readings in [1, 11, 21, 31] {
        let line = world.log_line();
        let expected = format!("median of {readings} readings: ");
        assert!(line.text.starts_with(&expected), "{line:?}");
    }
    Ok(())
}

pub(crate) fn check(image: &Image) -> Result<(), Failed> {
    let mut world = World::in_session(image);
    for (name, text) in COMMANDS {
        let module = wasm(text);
        let mut manifest = manifest(name, 1, &module);
        manifest.limits.memory_bytes = u32::MAX;
        deploy(&mut world, &manifest, &module).map_err(|refusal| refusal.detail)?;
        let report = loop {
            let report = world.report();
            if report.state != AppState::Starting {
                break report;
            }
        };
        assert_eq!((report.state, report.failure), (AppState::Exited, None), "{name}");
    }
    assert!(world.resets.is_empty() && world.faults.is_empty(), "{:?}", world.resets);
    Ok(())
}
