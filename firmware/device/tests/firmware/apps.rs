//! Apps from the gateway's package to their log lines, and the failures of bad ones.

use crate::support::{
    gateway::Gateway,
    package::{InSession as _, commit, deploy, deploy_envelope, manifest, sign, transfer, wasm},
    world::World,
};
use drydock_protocol::{
    capability::{Capability, PinSet},
    device_to_gateway::{AppReport, Log, Metrics, RefusalCode, Reply},
    envelope::{Envelope, Kind},
    gateway_to_device::AppRequest,
    types::{AppState, FailureKind, LogLevel},
};

pub(crate) const BLINK: &str = r#"(module
    (import "drydock" "log" (func $log (param i32 i32 i32)))
    (import "drydock" "tick_every" (func $tick_every (param i32)))
    (import "drydock" "gpio_output" (func $output (param i32)))
    (import "drydock" "gpio_write" (func $write (param i32 i32)))
    (memory (export "memory") 64 64 (pagesize 1))
    (data (i32.const 0) "blink")
    (global $on (mut i32) (i32.const 0))
    (func (export "init")
        (call $output (i32.const 13))
        (call $tick_every (i32.const 250)))
    (func (export "tick")
        (global.set $on (i32.xor (global.get $on) (i32.const 1)))
        (call $write (i32.const 13) (global.get $on))
        (call $log (i32.const 2) (i32.const 0) (i32.const 5))))"#;

pub(crate) fn request(app: &str) -> AppRequest {
    AppRequest { app: app.into() }
}

#[test]
fn an_app_is_deployed_runs_and_is_heard() {
    let mut world = World::in_session();
    let module = wasm(BLINK);
    deploy(&mut world, &manifest("blink", 1, &module), &module).unwrap();
    let report = settled(&mut world);
    assert_eq!(
        (report.app.as_str(), report.state, report.autostart),
        ("blink", AppState::Running, true)
    );
    let first = world.log_line();
    let second = world.log_line();
    assert_eq!(
        (first.app.as_str(), first.level, first.text.as_str()),
        ("blink", LogLevel::Info, "blink")
    );
    assert!(
        (248..=252).contains(&(second.uptime_ms - first.uptime_ms)),
        "{first:?} {second:?}"
    );
    assert_eq!(second.sequence, first.sequence + 1);
    world.gateway.inbox.clear();
    let metrics = world.metrics();
    assert_eq!(
        (metrics.apps[0].app.as_str(), metrics.apps[0].memory_bytes),
        ("blink", 64)
    );
    assert!(metrics.apps[0].fuel > 0 && metrics.apps[0].host_calls > 4);
    let writes = world.board.pins.writes.borrow();
    assert_eq!(writes[..3], [(13, true), (13, false), (13, true)]);
}

#[test]
fn a_module_is_analysed_once_for_each_deployment() {
    let mut world = World::in_session();
    let module = wasm(BLINK);
    let envelope = sign(&manifest("blink", 1, &module), &world.gateway.publisher);
    transfer(&mut world, envelope, &module).unwrap();
    assert_eq!(world.board.arena_works.get(), 0, "a transfer loads nothing");
    commit(&mut world, false).unwrap();
    assert_eq!(
        world.board.arena_works.get(),
        1,
        "the module is loaded once, as a check"
    );
    world.run_for_ms(1_000);
    assert_eq!(world.board.arena_works.get(), 1);
}

#[test]
fn apps_come_back_after_a_reset_unless_stopped() {
    let mut world = World::in_session();
    let module = wasm(BLINK);
    deploy(&mut world, &manifest("one", 1, &module), &module).unwrap();
    deploy(&mut world, &manifest("two", 1, &module), &module).unwrap();
    assert_eq!(world.ask(Kind::AppStop, &request("two")), Reply::Done);
    let mut world = world.restart();
    let mut apps = world.hello().apps;
    apps.sort_by(|a, b| a.app.cmp(&b.app));
    assert!(
        matches!(apps[0].state, AppState::Starting | AppState::Running),
        "{apps:?}"
    );
    assert_eq!((apps[1].state, apps[1].autostart), (AppState::Installed, false));
    assert_eq!(world.ask(Kind::AppStart, &request("two")), Reply::Done);
    world.gateway.inbox.clear();
    world.run_until("both", |world| {
        let heard = |app: &str| {
            world.gateway.inbox.iter().any(|message| {
                let envelope = Envelope::decode(message).unwrap();
                envelope
                    .body::<Log>()
                    .is_ok_and(|log| log.app == app && envelope.kind == Kind::Log as u16)
            })
        };
        heard("one") && heard("two")
    });
    assert_eq!(world.ask(Kind::AppRemove, &request("one")), Reply::Done);
    let Reply::Refused(refusal) = world.ask(Kind::AppStart, &request("one")) else {
        panic!()
    };
    assert_eq!(refusal.code, RefusalCode::NoSuchApp);
}

/// The next report of a final state, not of a transition.
pub(crate) fn settled(world: &mut World) -> AppReport {
    loop {
        let report = world.report();
        if report.state != AppState::Starting {
            return report;
        }
    }
}

/// Deploys a module that must end as failed, beside one that must continue.
fn check_failure(text: &str, kind: FailureKind, export: &str, detail: &str) {
    let mut world = World::in_session();
    let bystander = wasm(BLINK);
    deploy(&mut world, &manifest("bystander", 1, &bystander), &bystander).unwrap();
    world.board.step_us.set(2000);
    let module = wasm(text);
    deploy(&mut world, &manifest("bad", 1, &module), &module).unwrap();
    let failure = loop {
        let report = world.report();
        if report.app == "bad" && report.state == AppState::Failed {
            break report.failure.expect("a reason");
        }
    };
    assert_eq!(
        (failure.kind, failure.export.as_str(), failure.detail.as_str()),
        (kind, export, detail)
    );
    world.board.step_us.set(10);
    world.gateway.inbox.clear();
    assert_eq!(world.log_line().app, "bystander");
    assert_eq!(world.gateway.sessions, 1, "the board stays connected");
    let metrics = world.metrics();
    let bad = metrics.apps.iter().find(|app| app.app == "bad").unwrap();
    assert_eq!((bad.traps, bad.memory_bytes), (1, 0));
}

#[test]
fn an_app_that_never_returns_fails_by_the_execution_limit() {
    let text = r#"(module (func (export "init")) (func (export "tick") (loop (br 0))))"#;
    check_failure(text, FailureKind::ExecutionLimit, "tick", "ran longer than 500 ms");
}

#[test]
fn an_app_that_traps_fails_with_the_reason() {
    let text = r#"(module (func (export "_start") unreachable))"#;
    check_failure(text, FailureKind::Trap, "_start", "unreachable");
    let text = r#"(module (memory (export "memory") 8 8 (pagesize 1))
        (func (export "init") (drop (i32.load (i32.const 8)))))"#;
    check_failure(text, FailureKind::Trap, "init", "out of bounds memory access");
    let text = r#"(module (func $f (export "init") (call $f)))"#;
    check_failure(text, FailureKind::StackOverflow, "init", "call stack exhausted");
}

#[test]
fn an_app_that_cannot_do_without_more_memory_fails_by_the_memory_limit() {
    let text = r#"(module (memory (export "memory") 4096 (pagesize 1))
        (func (export "init")) (func (export "tick")
            (loop (if (i32.eq (memory.grow (i32.const 1024)) (i32.const -1)) (then unreachable)) (br 0))))"#;
    check_failure(
        text,
        FailureKind::MemoryLimit,
        "tick",
        "memory.grow to 9216 bytes was refused, 8192 are allowed; then unreachable",
    );
}

#[test]
fn an_app_that_takes_more_heap_than_it_was_promised_fails_alone() {
    // No limit of the module forbids this growth; the heap does.
    let text = r#"(module (table $a 0 funcref) (table $b 0 funcref) (table $c 0 funcref) (table $d 0 funcref)
        (func (export "init"))
        (func (export "tick")
            (drop (table.grow $a (ref.null func) (i32.const 1000)))
            (drop (table.grow $b (ref.null func) (i32.const 1000)))
            (drop (table.grow $c (ref.null func) (i32.const 1000)))
            (drop (table.grow $d (ref.null func) (i32.const 1000)))))"#;
    let mut world = World::in_session();
    let bystander = wasm(BLINK);
    deploy(&mut world, &manifest("bystander", 1, &bystander), &bystander).unwrap();
    let module = wasm(text);
    deploy(&mut world, &manifest("greedy", 1, &module), &module).unwrap();
    let failure = loop {
        let report = world.report();
        if report.state == AppState::Failed {
            assert_eq!(report.app, "greedy");
            break report.failure.unwrap();
        }
    };
    assert_eq!(
        (failure.kind, failure.export.as_str()),
        (FailureKind::MemoryLimit, "tick")
    );
    assert!(failure.detail.starts_with("out of memory: "), "{}", failure.detail);
    world.gateway.inbox.clear();
    assert_eq!(world.log_line().app, "bystander");
    assert_eq!((world.gateway.sessions, world.board.resets.get()), (1, 0));
    let metrics = world.metrics();
    let greedy = metrics.apps.iter().find(|app| app.app == "greedy").unwrap();
    assert_eq!((greedy.traps, greedy.heap_bytes), (1, 0), "its memory is free again");
}

#[test]
fn a_module_that_cannot_be_loaded_in_the_heap_there_is_is_refused_alone() {
    // Small as source, large when compiled.
    let functions = "(func (param i32) (result i32) (local.get 0))".repeat(2500);
    let module = wasm(&format!(r#"(module {functions} (func (export "init")))"#));
    let mut world = World::in_session();
    world.board.heap_total_bytes.set(200 * 1024);
    let bystander = wasm(BLINK);
    deploy(&mut world, &manifest("bystander", 1, &bystander), &bystander).unwrap();
    let refusal = deploy(&mut world, &manifest("large", 1, &module), &module).unwrap_err();
    assert_eq!(refusal.code, RefusalCode::NoMemory);
    assert!(refusal.detail.starts_with("out of memory: "), "{}", refusal.detail);
    world.gateway.inbox.clear();
    assert_eq!(world.log_line().app, "bystander");
    assert_eq!((world.gateway.sessions, world.board.resets.get()), (1, 0));
    let small = wasm(BLINK);
    deploy(&mut world, &manifest("large", 2, &small), &small).unwrap();
}

#[test]
fn an_app_that_calls_what_it_was_not_granted_fails_by_the_capability() {
    let text = r#"(module (import "drydock" "gpio_write" (func $write (param i32 i32)))
        (func (export "init") (call $write (i32.const 24) (i32.const 1))))"#;
    check_failure(
        text,
        FailureKind::CapabilityDenied,
        "init",
        "gpio_write: gpio:24 is not granted",
    );
    let text = r#"(module (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
        (memory (export "memory") 8 8 (pagesize 1))
        (func (export "init") (drop (call $random (i32.const 0) (i32.const 8)))))"#;
    check_failure(
        text,
        FailureKind::CapabilityDenied,
        "init",
        "random_get: random is not granted",
    );
}

#[test]
fn an_app_that_passes_a_wild_pointer_fails_by_a_trap() {
    let text = r#"(module (import "drydock" "log" (func $log (param i32 i32 i32)))
        (memory (export "memory") 8 8 (pagesize 1))
        (func (export "init") (call $log (i32.const 2) (i32.const 4) (i32.const -1))))"#;
    check_failure(
        text,
        FailureKind::Trap,
        "init",
        "log: 4..4294967299 lies outside of the app's memory",
    );
}

#[test]
fn a_wasi_program_prints_and_exits() {
    let text = |code: u32| {
        format!(
            r#"(module
            (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
            (memory (export "memory") 64 64 (pagesize 1))
            (data (i32.const 0) "\10\00\00\00\07\00\00\00\17\00\00\00\04\00\00\00hello, world")
            (func (export "_start")
                (if (i32.ne (call $write (i32.const 1) (i32.const 0) (i32.const 2) (i32.const 40)) (i32.const 0))
                    (then unreachable))
                (if (i32.ne (i32.load (i32.const 40)) (i32.const 11)) (then unreachable))
                (call $exit (i32.const {code}))))"#
        )
    };
    let mut world = World::in_session();
    let module = wasm(&text(0));
    deploy(&mut world, &manifest("hello", 1, &module), &module).unwrap();
    assert_eq!(world.log_line().text, "hello, worl");
    assert_eq!(settled(&mut world).state, AppState::Exited);
    let module = wasm(&text(3));
    deploy(&mut world, &manifest("hello", 2, &module), &module).unwrap();
    let report = settled(&mut world);
    let failure = report.failure.unwrap();
    assert_eq!(
        (report.state, failure.kind, failure.exit_code),
        (AppState::Failed, FailureKind::ExitCode, Some(3))
    );
}

#[test]
fn what_an_app_wrote_comes_before_its_end() {
    let text = r#"(module
        (import "drydock" "log" (func $log (param i32 i32 i32)))
        (memory (export "memory") 64 64 (pagesize 1))
        (data (i32.const 0) "last words")
        (func (export "_start") (local $n i32)
            (loop
                (call $log (i32.const 2) (i32.const 0) (i32.const 10))
                (br_if 0 (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 20))))))"#;
    let mut world = World::in_session();
    let module = wasm(text);
    deploy(&mut world, &manifest("brief", 1, &module), &module).unwrap();
    let ended = |message: &Vec<u8>| {
        let envelope = Envelope::decode(message).unwrap();
        let report = envelope.body::<AppReport>();
        envelope.kind == Kind::AppReport as u16 && report.is_ok_and(|report| report.state == AppState::Exited)
    };
    world.run_until("the end", |world| world.gateway.inbox.iter().any(ended));
    let kinds: Vec<u16> = world
        .gateway
        .inbox
        .iter()
        .map(|message| Envelope::decode(message).unwrap().kind)
        .collect();
    let lines = kinds.iter().filter(|kind| **kind == Kind::Log as u16).count();
    assert_eq!(lines, 20, "{kinds:?}");
}

/// Writes lines as fast as it can, each time it is called.
const FLOOD: &str = r#"(module
    (import "drydock" "log" (func $log (param i32 i32 i32)))
    (import "drydock" "tick_every" (func $tick_every (param i32)))
    (memory (export "memory") 64 64 (pagesize 1))
    (data (i32.const 0) "so much to say")
    (func (export "init") (call $tick_every (i32.const 1)))
    (func (export "tick") (local $n i32)
        (loop
            (call $log (i32.const 2) (i32.const 0) (i32.const 14))
            (br_if 0 (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 1000))))))"#;

#[test]
fn an_app_that_floods_the_log_starves_nobody_and_is_told_what_it_lost() {
    let mut world = World::in_session();
    let calm = wasm(BLINK);
    deploy(&mut world, &manifest("calm", 1, &calm), &calm).unwrap();
    let flood = wasm(FLOOD);
    deploy(&mut world, &manifest("flood", 1, &flood), &flood).unwrap();
    world.run_for_ms(3_000);
    world.gateway.inbox.clear();
    let (before, began_us) = (world.metrics(), world.board.now_us.get());
    world.gateway.inbox.clear();
    world.run_for_ms(10_000);
    let (mut metrics, mut calm, mut flood, mut said) = (Vec::new(), 0, 0, 0);
    for message in &world.gateway.inbox {
        let envelope = Envelope::decode(message).unwrap();
        if envelope.kind == Kind::Metrics as u16 {
            metrics.push(envelope.body::<Metrics>().unwrap());
        } else if envelope.kind == Kind::Log as u16 {
            let line: Log = envelope.body().unwrap();
            match (line.app.as_str(), line.text.strip_suffix(" lines dropped")) {
                ("calm", _) => calm += 1,
                (_, Some(count)) => said += count.parse::<u32>().unwrap(),
                _ => flood += 1,
            }
        }
    }
    let elapsed_ms = (world.board.now_us.get() - began_us) / 1000;
    assert_eq!(metrics.len() as u64, elapsed_ms / 1000, "metrics keep their rhythm");
    assert!(metrics.windows(2).all(|pair| pair[1].sequence == pair[0].sequence + 1));
    assert!(calm >= 39, "{calm} lines of four a second");
    assert!((200..450).contains(&flood), "{flood} lines of the flood in ten seconds");
    let dropped = metrics.last().unwrap().logs_dropped - before.logs_dropped;
    assert!(dropped > 10_000, "{dropped} dropped");
    assert!(said.abs_diff(dropped) < dropped / 5, "{said} said of {dropped} dropped");
    let reply = world.ask(Kind::AppStop, &request("flood"));
    assert_eq!(reply, Reply::Done, "the device still answers");
}

#[test]
fn a_newer_version_replaces_a_running_one_and_an_older_is_refused() {
    let mut world = World::in_session();
    let old = wasm(BLINK);
    deploy(&mut world, &manifest("app", 2, &old), &old).unwrap();
    let new = wasm(&BLINK.replace("\"blink\"", "\"BLINK\""));
    deploy(&mut world, &manifest("app", 3, &new), &new).unwrap();
    world.gateway.inbox.clear();
    world.run_until("the new text", |world| world.gateway.inbox.len() > 4);
    world.gateway.inbox.clear();
    assert_eq!(world.log_line().text, "BLINK");
    for sequence in [1, 3] {
        let refusal = deploy(&mut world, &manifest("app", sequence, &old), &old).unwrap_err();
        assert_eq!(refusal.code, RefusalCode::Downgrade);
    }
    // Removal does not open the way back.
    assert_eq!(world.ask(Kind::AppRemove, &request("app")), Reply::Done);
    let mut world = world.restart();
    world.hello();
    let refusal = deploy(&mut world, &manifest("app", 3, &old), &old).unwrap_err();
    assert_eq!(refusal.code, RefusalCode::Downgrade);
    deploy(&mut world, &manifest("app", 4, &old), &old).unwrap();
}

#[test]
fn a_package_that_cannot_be_accepted_is_refused_and_the_running_version_stays() {
    let mut world = World::in_session();
    world.board.heap_total_bytes.set(512 * 1024);
    let good = wasm(BLINK);
    deploy(&mut world, &manifest("app", 1, &good), &good).unwrap();
    let mut check = |alter: &dyn Fn(&mut drydock_protocol::manifest::Manifest), module: &[u8], code: RefusalCode| {
        let mut manifest = manifest("app", 2, module);
        alter(&mut manifest);
        let refusal = deploy(&mut world, &manifest, module).unwrap_err();
        assert_eq!(refusal.code, code, "{}", refusal.detail);
        world.gateway.inbox.clear();
        assert_eq!(world.log_line().app, "app", "after {code:?}");
    };
    check(&|_| {}, b"\0asm\x01\0\0\0", RefusalCode::InvalidModule);
    check(&|_| {}, b"no module at all", RefusalCode::InvalidModule);
    let unknown = wasm(r#"(module (import "env" "magic" (func)) (func (export "init")))"#);
    check(&|_| {}, &unknown, RefusalCode::InvalidModule);
    let large = wasm(r#"(module (memory (export "memory") 1) (func (export "init")))"#);
    check(&|_| {}, &large, RefusalCode::NoMemory);
    check(&|manifest| manifest.digest[0] ^= 1, &good, RefusalCode::BadDigest);
    check(&|manifest| manifest.size = 32_000, &good, RefusalCode::StoreFull);
    check(
        &|manifest| manifest.limits.heap_bytes = 2_000_000,
        &good,
        RefusalCode::NoMemory,
    );
    check(
        &|manifest| manifest.targets = vec!["otherboard".into()],
        &good,
        RefusalCode::WrongTarget,
    );
    let kv = Capability::Kv(100);
    check(
        &|manifest| manifest.capabilities = vec![kv.clone()],
        &good,
        RefusalCode::Capability,
    );
    let pins = Capability::Gpio(PinSet::of(&[14]));
    check(
        &|manifest| manifest.capabilities = vec![pins.clone()],
        &good,
        RefusalCode::Capability,
    );
    let mut world = world.restart();
    assert_eq!(world.hello().apps[0].sequence, 1);
}

#[test]
fn a_package_of_another_publisher_is_refused() {
    let mut world = World::in_session();
    let module = wasm(BLINK);
    let stranger = Gateway::new().publisher;
    let mut bytes = stranger.to_bytes();
    bytes[31] ^= 1;
    let stranger = p256::ecdsa::SigningKey::from_bytes(&bytes).unwrap();
    let envelope = sign(&manifest("app", 1, &module), &stranger);
    let refusal = deploy_envelope(&mut world, envelope, &module).unwrap_err();
    assert_eq!(refusal.code, RefusalCode::BadSignature);
    let mut envelope = sign(&manifest("app", 1, &module), &world.gateway.publisher);
    envelope[20] ^= 1;
    let refusal = deploy_envelope(&mut world, envelope, &module).unwrap_err();
    assert!(matches!(
        refusal.code,
        RefusalCode::BadSignature | RefusalCode::Malformed
    ));
}

#[test]
fn eight_apps_run_and_a_ninth_is_refused() {
    let mut world = World::in_session();
    world.board.heap_total_bytes.set(1 << 20);
    let module = wasm(BLINK);
    for n in 0..8 {
        deploy(&mut world, &manifest(&format!("app-{n}"), 1, &module), &module).unwrap();
    }
    let refusal = deploy(&mut world, &manifest("app-8", 1, &module), &module).unwrap_err();
    assert_eq!(refusal.code, RefusalCode::TooManyApps);
    world.gateway.inbox.clear();
    let metrics = world.metrics();
    assert_eq!(metrics.apps.len(), 8);
    assert_eq!(world.restart().hello().apps.len(), 8);
}

#[test]
fn an_app_that_took_the_board_down_does_not_run_again_by_itself() {
    let mut world = World::in_session();
    let module = wasm(BLINK);
    deploy(&mut world, &manifest("app", 1, &module), &module).unwrap();
    let board = world.board;
    let mut faulted = None;
    for mark in 0..=255 {
        // The store chooses the app's mark; the board only keeps it.
        board.faulted_app.set(Some(mark));
        let mut restarted = world.restart();
        let app = restarted.hello().apps.remove(0);
        world = restarted;
        if app.state == AppState::Failed {
            faulted = app.failure;
            break;
        }
    }
    assert_eq!(faulted.unwrap().detail, "the board was reset while this app ran");
    board.faulted_app.set(None);
    assert_eq!(world.ask(Kind::AppStart, &request("app")), Reply::Done);
}
