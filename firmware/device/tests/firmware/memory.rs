//! `memory.grow`: succeeds within the module's maximum, the app's limit and the heap's free space, and otherwise gives
//! -1.

use crate::{
    apps::{BLINK, settled},
    support::{
        package::{deploy, manifest, wasm},
        world::World,
    },
};
use drydock_protocol::types::{AppState, FailureKind};

/// A command that must end by itself: each failing step exits with its number.
fn check(memory: &str, steps: &str, memory_bytes: u32) {
    let module = wasm(&format!(
        r#"(module
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (memory (export "memory") {memory} (pagesize 1))
        (func $check (param i32 i32) (if (i32.eqz (local.get 0)) (then (call $exit (local.get 1)))))
        (func $grow (param $by i32) (param $gives i32) (param $step i32)
            (call $check (i32.eq (memory.grow (local.get $by)) (local.get $gives)) (local.get $step)))
        (func (export "_start") {steps}))"#
    ));
    let mut world = World::in_session();
    let mut manifest = manifest("grow", 1, &module);
    manifest.limits.memory_bytes = memory_bytes;
    deploy(&mut world, &manifest, &module).unwrap();
    let report = settled(&mut world);
    assert_eq!((report.state, report.failure), (AppState::Exited, None), "{steps}");
    assert_eq!(world.board.resets.get(), 0);
}

#[test]
fn memory_grows_within_the_maximum_of_the_module() {
    let steps = "(call $grow (i32.const 0) (i32.const 64) (i32.const 1))
        (call $grow (i32.const 64) (i32.const 64) (i32.const 2))
        (i32.store8 (i32.const 127) (i32.const 1))
        (call $grow (i32.const 1) (i32.const -1) (i32.const 3))
        (call $grow (i32.const -1) (i32.const -1) (i32.const 4))
        (call $check (i32.eq (memory.size) (i32.const 128)) (i32.const 5))";
    check("64 128", steps, u32::MAX);
}

#[test]
fn memory_grows_within_the_limit_of_the_app() {
    let steps = "(call $grow (i32.const 936) (i32.const 64) (i32.const 1))
        (call $grow (i32.const 1) (i32.const -1) (i32.const 2))
        (call $check (i32.eq (memory.size) (i32.const 1000)) (i32.const 3))";
    check("64", steps, 1000);
}

#[test]
fn memory_grows_as_far_as_the_heap_has_room() {
    let steps = "(call $grow (i32.const 1000000) (i32.const -1) (i32.const 1))
        (call $check (i32.eq (memory.size) (i32.const 64)) (i32.const 2))
        ;; more than was promised
        (call $grow (i32.const 60000) (i32.const 64) (i32.const 3))
        (call $check (i32.eqz (i32.load8_u (i32.const 60063))) (i32.const 4))
        (call $grow (i32.const 1000000) (i32.const -1) (i32.const 5))
        (call $check (i32.eq (memory.size) (i32.const 60064)) (i32.const 6))";
    check("64", steps, u32::MAX);
}

#[test]
fn memory_grows_byte_by_byte_in_reasonable_time() {
    let steps = "(loop $l (br_if $l (i32.lt_u (memory.grow (i32.const 1)) (i32.const 20000))))
        (call $check (i32.eq (memory.size) (i32.const 20001)) (i32.const 1))";
    check("0", steps, u32::MAX);
}

#[test]
fn what_one_app_grew_by_is_not_promised_to_others_and_comes_back() {
    let text = r#"(module (memory (export "memory") 64 (pagesize 1))
        (func (export "init") (drop (memory.grow (i32.const 60000)))) (func (export "tick")))"#;
    let mut world = World::in_session();
    let module = wasm(text);
    let mut large = manifest("large", 1, &module);
    large.limits.memory_bytes = u32::MAX;
    deploy(&mut world, &large, &module).unwrap();
    assert_eq!(settled(&mut world).state, AppState::Running);
    world.gateway.inbox.clear();
    assert_eq!(world.metrics().apps[0].memory_bytes, 60_064);
    // 160 KB in all, 20 used, 16 for the session.
    let blink = wasm(BLINK);
    let mut wide = manifest("wide", 1, &blink);
    wide.limits.heap_bytes = 60 * 1024;
    let refusal = deploy(&mut world, &wide, &blink).unwrap_err();
    assert!(
        refusal.detail.starts_with("needs 61440 bytes of heap"),
        "{}",
        refusal.detail
    );
    let small = wasm(BLINK);
    deploy(&mut world, &manifest("large", 2, &small), &small).unwrap();
    deploy(&mut world, &wide, &blink).unwrap();
}

#[test]
fn an_app_that_finds_no_room_and_gives_up_fails_by_the_memory_limit() {
    let text = r#"(module (memory (export "memory") 64 (pagesize 1))
        (func (export "init") (if (i32.eq (memory.grow (i32.const 300000)) (i32.const -1)) (then unreachable))))"#;
    let mut world = World::in_session();
    let module = wasm(text);
    let mut manifest = manifest("large", 1, &module);
    manifest.limits.memory_bytes = u32::MAX;
    deploy(&mut world, &manifest, &module).unwrap();
    let failure = settled(&mut world).failure.unwrap();
    assert_eq!(
        (failure.kind, failure.detail.as_str()),
        (
            FailureKind::MemoryLimit,
            "memory.grow to 300064 bytes was refused, the heap has no room; then unreachable"
        )
    );
}
