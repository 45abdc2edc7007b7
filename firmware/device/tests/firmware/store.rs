//! The app store: packages survive, and a power cut at any instant leaves the old or the new one.

use crate::support::{
    board::TestBoard,
    flash::{PARTS, PowerCut},
};
use drydock_device::{
    records::{Key, Records},
    store::{AppStore, MAX_REMEMBERED_APPS, StoreError, UNITS_AHEAD},
};
use sha2::{Digest as _, Sha256};
use std::panic::{AssertUnwindSafe, catch_unwind};

fn mount(board: &'static TestBoard) -> AppStore {
    AppStore::mount(board.as_ref(), Records::mount(board.as_ref()))
}

fn module(seed: u8, len: usize) -> Vec<u8> {
    (0..len)
        .map(|at| (at as u8).wrapping_mul(31).wrapping_add(seed))
        .collect()
}

fn install(store: &mut AppStore, app: &str, sequence: u64, module: &[u8]) -> Result<(), StoreError> {
    let envelope = format!("envelope of {app} {sequence}");
    store.begin(app, envelope.as_bytes(), module.len() as u32)?;
    let mut offset = 0;
    for chunk in module.chunks(333) {
        offset = store.chunk(offset, chunk)?;
    }
    let extent = store.finish(&Sha256::digest(module).into())?;
    store.commit(app, sequence, extent, true)
}

/// The app's sequence if it is installed, after checking every byte of its package.
fn installed(store: &AppStore, app: &str, modules: &[&[u8]]) -> Option<u64> {
    let (_, record) = store.installed().find(|(name, _)| *name == app)?;
    let extent = record.package.expect("installed");
    let sequence = record.sequence;
    assert_eq!(
        store.envelope(&extent),
        format!("envelope of {app} {sequence}").as_bytes()
    );
    assert_eq!(
        store.digest(&extent).0,
        <[u8; 32]>::from(Sha256::digest(modules[sequence as usize]))
    );
    Some(sequence)
}

#[test]
fn packages_survive_a_remount() {
    let board = TestBoard::new();
    let (one, two) = (module(1, 5000), module(2, 777));
    let mut store = mount(board);
    install(&mut store, "one", 1, &one).unwrap();
    install(&mut store, "two", 1, &two).unwrap();
    store.set_autostart("two", false).unwrap();
    let store = mount(board);
    assert_eq!(installed(&store, "one", &[&[], &one]), Some(1));
    assert_eq!(installed(&store, "two", &[&[], &two]), Some(1));
    assert!(store.record("one").unwrap().autostart && !store.record("two").unwrap().autostart);
}

#[test]
fn what_does_not_fit_or_match_is_refused_and_leaves_no_trace() {
    let board = TestBoard::new();
    let mut store = mount(board);
    let free = store.largest_free_bytes();
    assert_eq!(free, store.capacity_bytes());
    assert_eq!(store.begin("big", b"envelope", free), Err(StoreError::Full));
    store.begin("app", b"envelope", 100).unwrap();
    assert_eq!(store.chunk(1, &[0; 8]), Err(StoreError::OutOfSequence));
    assert_eq!(store.chunk(0, &[0; 101]), Err(StoreError::OutOfSequence));
    assert_eq!(store.chunk(0, &[0; 50]), Ok(50));
    assert_eq!(store.finish(&[0; 32]).unwrap_err(), StoreError::Digest);
    store.begin("app", b"envelope", 100).unwrap();
    store.chunk(0, &[0; 100]).unwrap();
    assert_eq!(store.finish(&[0; 32]).unwrap_err(), StoreError::Digest);
    assert_eq!(store.chunk(0, &[0; 8]), Err(StoreError::OutOfSequence));
    assert_eq!(mount(board).installed().count(), 0);
    assert_eq!(mount(board).largest_free_bytes(), free);
}

#[test]
fn high_water_marks_survive_removal_and_are_never_pushed_out() {
    let board = TestBoard::new();
    let mut store = mount(board);
    for n in 0..MAX_REMEMBERED_APPS {
        let app = format!("app-{n}");
        install(&mut store, &app, 5, &module(0, 10)).unwrap();
        store.remove(&app).unwrap();
    }
    assert_eq!(store.begin("one-more", b"envelope", 10), Err(StoreError::TooManyApps));
    let store = mount(board);
    assert_eq!(store.installed().count(), 0);
    assert_eq!(store.record("app-0").unwrap().sequence, 5);
}

#[test]
fn a_wipe_leaves_nothing() {
    let board = TestBoard::new();
    let mut store = mount(board);
    store
        .records()
        .write(&Key::DeviceKey, b"a secret nobody may find")
        .unwrap();
    install(&mut store, "app", 1, &module(0, 10)).unwrap();
    store.wipe().unwrap();
    let mut store = mount(board);
    assert_eq!((store.installed().count(), store.records().keys().count()), (0, 0));
    let geometry = drydock_device::board::Flash::geometry(&board.flash);
    drydock_device::board::Flash::with(
        &board.flash,
        0,
        2 * geometry.record_units * geometry.unit_bytes,
        &mut |bytes| {
            assert!(bytes.iter().all(|byte| *byte == 0xFF));
        },
    );
}

#[test]
fn a_power_cut_in_a_wipe_brings_back_nothing_older() {
    silence_power_cuts();
    let secret = b"a secret nobody may find";
    let start = |board: &'static TestBoard| {
        let mut store = mount(board);
        // In the second unit of its area.
        let value = [&[7; 1500], &secret[..]].concat();
        store.records().write(&Key::Identity, &value).unwrap();
        install(&mut store, "app", 1, &module(0, 10)).unwrap();
        // The other area holds an older state then: the app's first package.
        for time in 0..300u64 {
            store.records().write(&Key::DeviceTime, &time.to_le_bytes()).unwrap();
        }
        install(&mut store, "app", 2, &module(1, 10)).unwrap();
        store
    };
    let whole = TestBoard::new();
    let mut store = start(whole);
    whole.flash.operations.set(0);
    store.wipe().unwrap();
    let operations = whole.flash.operations.get();
    assert!(operations >= 8, "{operations} operations");
    let mut blank = 0;
    for cut in 0..operations {
        let board = TestBoard::new();
        let mut store = start(board);
        board.flash.cut_power_after(Some(cut));
        let cut_short = catch_unwind(AssertUnwindSafe(|| store.wipe()));
        assert!(cut_short.is_err_and(|payload| payload.is::<PowerCut>()), "cut {cut}");
        drop(store);
        board.flash.cut_power_after(None);

        let mut store = mount(board);
        let found = store.record("app").map(|record| record.sequence);
        let keys = store.records().keys().count();
        assert!(
            (found, keys) == (Some(2), 3) || keys == 0,
            "cut {cut}: {found:?}, {keys} keys"
        );
        if keys == 0 {
            blank += 1;
            // The device's next life begins with a write.
            store.records().write(&Key::BootCount, &[1, 0, 0, 0]).unwrap();
            assert!(!contains(board, secret), "cut {cut}");
        }
    }
    assert!(blank > 0);
}

fn contains(board: &TestBoard, wanted: &[u8]) -> bool {
    use drydock_device::board::Flash as _;
    let geometry = board.flash.geometry();
    let mut found = false;
    board
        .flash
        .with(0, 2 * geometry.record_units * geometry.unit_bytes, &mut |bytes| {
            found = bytes.windows(wanted.len()).any(|window| window == wanted);
        });
    found
}

fn silence_power_cuts() {
    std::panic::set_hook(Box::new(|info| {
        if !info.payload().is::<PowerCut>() {
            eprintln!("{info}");
        }
    }));
}

/// Units that are erased ahead are written without another erasure, also after a restart; and once only.
#[test]
fn a_package_goes_where_it_was_erased_ahead() {
    use drydock_device::board::Flash as _;
    let board = TestBoard::new();
    let mut store = mount(board);
    let module = module(0, 2500);
    let erased_for = |store: &mut AppStore, sequence| {
        board.flash.erasures_at_once.set(0);
        install(store, "app", sequence, &module).unwrap();
        board.flash.erasures_at_once.get()
    };
    // Units of 1 KiB; the envelope goes before the module.
    assert_eq!(erased_for(&mut store, 1), 3);
    assert_eq!(idle(&mut store), PARTS * UNITS_AHEAD + 1, "parts and the record");
    assert_eq!(idle(&mut store), 0);
    assert_eq!(erased_for(&mut store, 2), 0);
    assert_eq!(erased_for(&mut store, 3), 0);
    assert_eq!(erased_for(&mut store, 4), 1, "two units of eight are left");
    idle(&mut store);
    let mut store = mount(board);
    assert_eq!(idle(&mut store), 0);
    assert_eq!(erased_for(&mut store, 5), 0);
    // The record is removed now: its statement about the rest may no longer be true.
    let mut store = mount(board);
    assert_eq!(erased_for(&mut store, 6), 3);
    let mut store = mount(board);
    for _ in 0..PARTS * 2 + 1 {
        store.erase_ahead();
    }
    assert_eq!(erased_for(&mut store, 7), 1, "two were erased, one was begun");
    // Another write to units that the record names as blank: units 7 and up of the region after the records' eight.
    idle(&mut store);
    board.flash.write((8 + 7) * 1024 + 8, &[0; 4]).unwrap();
    let mut store = mount(board);
    assert_eq!(erased_for(&mut store, 8), 2, "unit 7 and what is behind it");
    assert_eq!(installed(&mount(board), "app", &[&module[..]; 9]), Some(8));
}

/// Erases ahead until nothing is left to do, and returns the number of steps.
fn idle(store: &mut AppStore) -> u32 {
    (0..).find(|_| !store.erase_ahead()).unwrap()
}

/// Installs, replaces, removes and reinstalls an app beside another that must stay untouched, with more or less time to
/// erase ahead in between.
fn story(store: &mut AppStore, modules: &[&[u8]], told: &mut Vec<Option<u64>>) {
    for sequence in 1..=3 {
        install(store, "app", sequence, modules[sequence as usize]).unwrap();
        told.push(Some(sequence));
        // Two units and a part of the third; then all.
        for _ in 0..7 {
            store.erase_ahead();
        }
        if sequence > 1 {
            idle(store);
        }
    }
    store.remove("app").unwrap();
    told.push(None);
    idle(store);
    for sequence in 4..=6 {
        install(store, "app", sequence, modules[sequence as usize]).unwrap();
        told.push(Some(sequence));
        if sequence == 5 {
            idle(store);
        }
        // Makes the log run over into its other area, and back.
        for byte in 0..8 {
            store.records().write(&Key::Identity, &[byte; 400]).unwrap();
        }
    }
}

#[test]
fn a_power_cut_at_any_instant_leaves_the_old_or_the_new_app() {
    silence_power_cuts();
    let modules: Vec<Vec<u8>> = (0..7).map(|seed| module(seed, 40 + 300 * usize::from(seed))).collect();
    let modules: Vec<&[u8]> = modules.iter().map(Vec::as_slice).collect();
    let whole = TestBoard::new();
    let start = |board: &'static TestBoard| {
        let mut store = mount(board);
        install(&mut store, "bystander", 2, modules[2]).unwrap();
        store
    };
    let mut store = start(whole);
    whole.flash.operations.set(0);
    story(&mut store, &modules, &mut Vec::new());
    let operations = whole.flash.operations.get();
    assert!(operations > 2000, "{operations} operations");

    for cut in 0..operations {
        let board = TestBoard::new();
        let mut store = start(board);
        board.flash.cut_power_after(Some(cut));
        let mut told = vec![None];
        let cut_short = catch_unwind(AssertUnwindSafe(|| story(&mut store, &modules, &mut told)));
        assert!(cut_short.is_err_and(|payload| payload.is::<PowerCut>()), "cut {cut}");
        drop(store);
        board.flash.cut_power_after(None);

        let mut store = mount(board);
        let found = installed(&store, "app", &modules);
        let old = *told.last().unwrap();
        let new = match told.len() {
            1..=3 => Some(told.len() as u64),
            4 => None,
            _ => Some(told.len() as u64 - 1),
        };
        assert!(
            found == old || (told.len() < 8 && found == new),
            "cut {cut}: {found:?}, told {told:?}"
        );
        assert_eq!(installed(&store, "bystander", &modules), Some(2), "cut {cut}");
        // The store continues to work, and its changes persist.
        install(&mut store, "app", 6, modules[6]).unwrap();
        let store = mount(board);
        assert_eq!(installed(&store, "app", &modules), Some(6), "cut {cut}");
    }
}

/// A record about units after a package that did not fit there stays true while units before them are erased.
#[test]
fn a_power_cut_leaves_nothing_told_blank_that_is_not() {
    silence_power_cuts();
    // Of the 32 units: the first package takes 20, the second 13.
    let modules = [module(0, 0), module(1, 20_000), module(2, 13_000), module(3, 2_500)];
    let modules: Vec<&[u8]> = modules.iter().map(Vec::as_slice).collect();
    let start = |board: &'static TestBoard| {
        let mut store = mount(board);
        install(&mut store, "app", 1, modules[1]).unwrap();
        idle(&mut store);
        store.remove("app").unwrap();
        install(&mut store, "app", 2, modules[2]).unwrap();
        store
    };
    let whole = TestBoard::new();
    let mut store = start(whole);
    whole.flash.operations.set(0);
    idle(&mut store);
    let operations = whole.flash.operations.get();
    assert!(operations > PARTS * 7, "{operations} operations");
    for cut in 0..operations {
        let board = TestBoard::new();
        let mut store = start(board);
        board.flash.cut_power_after(Some(cut));
        let cut_short = catch_unwind(AssertUnwindSafe(|| idle(&mut store)));
        assert!(cut_short.is_err_and(|payload| payload.is::<PowerCut>()), "cut {cut}");
        drop(store);
        board.flash.cut_power_after(None);
        let mut store = mount(board);
        for app in ["other", "another"] {
            install(&mut store, app, 3, modules[3]).unwrap();
            idle(&mut store);
        }
        let store = mount(board);
        for (app, sequence) in [("app", 2), ("other", 3), ("another", 3)] {
            assert_eq!(installed(&store, app, &modules), Some(sequence), "cut {cut}");
        }
    }
}

/// Sectors of eight units: packages share one, and its free units are not erased as long as others are in use.
#[test]
fn a_sector_holds_several_packages() {
    let board = TestBoard::new();
    board.flash.sector_units.set(8);
    let modules: Vec<Vec<u8>> = (0..40).map(|seed| module(seed, 2500)).collect();
    let modules: Vec<&[u8]> = modules.iter().map(Vec::as_slice).collect();
    let mut store = mount(board);
    let free = store.largest_free_bytes();
    for app in ["one", "two", "three"] {
        install(&mut store, app, 1, modules[1]).unwrap();
    }
    assert_eq!(
        free - store.largest_free_bytes(),
        9 * 1024,
        "three packages of three units, and nothing lost between them"
    );
    // Several times around the flash, beside two packages that stay in place.
    for sequence in 2..40 {
        install(&mut store, "one", sequence, modules[sequence as usize]).unwrap();
        store = mount(board);
        assert_eq!(installed(&store, "one", &modules), Some(sequence));
        for other in ["two", "three"] {
            assert_eq!(installed(&store, other, &modules), Some(1), "{other} after {sequence}");
        }
    }
    for app in ["one", "two", "three"] {
        store.remove(app).unwrap();
    }
    assert_eq!(store.largest_free_bytes(), free);
}
