//! Functions that a module runs once before its first `tick`: its start function, `_initialize`, and `_start` or
//! `init`.

use crate::{
    apps::settled,
    support::{
        package::{deploy, manifest, wasm},
        world::World,
    },
};
use drydock_protocol::types::{AppState, FailureKind};

#[test]
fn a_start_function_runs_first_then_initialize_then_init_then_tick() {
    let text = r#"(module
        (import "drydock" "log" (func $log (param i32 i32 i32)))
        (memory (export "memory") 64 (pagesize 1))
        (data (i32.const 0) "startreadyinit tick")
        (func $start (call $log (i32.const 2) (i32.const 0) (i32.const 5)))
        (start $start)
        (func (export "_initialize") (call $log (i32.const 2) (i32.const 5) (i32.const 5)))
        (func (export "init") (call $log (i32.const 2) (i32.const 10) (i32.const 4)))
        (func (export "tick") (call $log (i32.const 2) (i32.const 15) (i32.const 4))))"#;
    let mut world = World::in_session();
    let module = wasm(text);
    deploy(&mut world, &manifest("order", 1, &module), &module).unwrap();
    let said = [(); 4].map(|()| world.log_line().text);
    assert_eq!(said, ["start", "ready", "init", "tick"]);
    assert_eq!(settled(&mut world).state, AppState::Running);
}

fn check_failure(body: &str, kind: FailureKind, detail: &str) {
    let text = format!(r#"(module (func $start {body}) (start $start) (func (export "tick")))"#);
    let mut world = World::in_session();
    world.board.step_us.set(2000);
    let module = wasm(&text);
    deploy(&mut world, &manifest("bad", 1, &module), &module).unwrap();
    let failure = settled(&mut world).failure.unwrap();
    assert_eq!(
        (failure.kind, failure.export.as_str(), failure.detail.as_str()),
        (kind, "(start)", detail)
    );
    assert_eq!((world.gateway.sessions, world.board.resets.get()), (1, 0));
}

#[test]
fn a_start_function_has_the_limits_of_init() {
    check_failure("(loop (br 0))", FailureKind::ExecutionLimit, "ran longer than 500 ms");
    check_failure("unreachable", FailureKind::Trap, "unreachable");
}
