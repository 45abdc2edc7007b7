//! Refused uploads: one sentence each, and nothing is stored.

use crate::scene::{Scene, blink, nano};
use drydock_gateway::{Gateway, GatewayConfig, ModuleReport, SessionLimits, UploadError, UploadOptions, UploadRefusal};
use drydock_protocol::capability::Capability;

fn named(name: &str) -> UploadOptions {
    UploadOptions {
        name: Some(name.into()),
        ..UploadOptions::default()
    }
}

fn for_nano(name: &str) -> UploadOptions {
    UploadOptions {
        targets: vec!["nano33ble".into()],
        ..named(name)
    }
}

async fn check(scene: &Scene, module: &[u8], options: UploadOptions, kind: UploadRefusal, sentence: &str) {
    match scene.gateway.upload(module, options).await {
        Err(UploadError::Refused {
            kind: found,
            sentence: said,
        }) => {
            assert_eq!((found, said.as_str()), (kind, sentence));
        }
        other => panic!("{other:?} instead of {sentence}"),
    }
    assert_eq!(scene.gateway.packages(), []);
    let modules = std::fs::read_dir(scene.directory.path().join("modules")).unwrap();
    assert_eq!(modules.count(), 0, "something was stored");
}

#[tokio::test]
async fn bad_modules_are_refused_in_one_sentence() {
    use UploadRefusal::{
        CustomSection, Name, NoEntryPoint, NotWasm, TooLarge, TooMuchMemory, UnknownBoard, UnknownImport,
    };
    let scene = Scene::new().await;
    check(
        &scene,
        b"\x7fELF",
        named("tool"),
        NotWasm,
        "tool cannot be an app: it is a program for another machine (an ELF file): compile it for wasm32 instead, as the guest SDK says",
    )
    .await;
    check(
        &scene,
        b"some text",
        named("note"),
        NotWasm,
        "note cannot be an app: it is neither WebAssembly (.wasm) nor its text format (.wat): choose the file that the compiler made for wasm32",
    )
    .await;
    check(
        &scene,
        b"\0asm\x01\0\0\0\x01\x7f",
        named("cut"),
        NotWasm,
        "cut cannot be an app: it is no valid WebAssembly for boards (unexpected end-of-file): copy it again, or build it without the features that boards lack",
    )
    .await;
    check(
        &scene,
        br#"(module (import "env" "abort" (func)) (func (export "init")))"#,
        named("ported"),
        UnknownImport,
        "ported cannot run on any board: it imports env.abort, which boards do not have: build it with --use abort= (and --use seed=, --use trace=) and use the calls of the guest SDK",
    )
    .await;
    check(
        &scene,
        br#"(module (import "drydock" "log" (func (param i64))) (func (export "init")))"#,
        named("stale"),
        UnknownImport,
        "stale cannot run on any board: it imports drydock.log with another type than boards have: build it against this guest SDK",
    )
    .await;
    check(
        &scene,
        br#"(module (func (export "main")))"#,
        named("library"),
        NoEntryPoint,
        "library cannot run on any board: it exports nothing that boards call: export _start, init or tick",
    )
    .await;
    check(
        &scene,
        br#"(module (func (export "tick") (param i32)))"#,
        named("odd"),
        NoEntryPoint,
        "odd cannot run on any board: its export tick has not the type that boards call: give it the one of the guest SDK",
    )
    .await;
    check(
        &scene,
        br#"(module (memory 16) (func (export "init")))"#,
        for_nano("greedy"),
        TooMuchMemory,
        "greedy needs 1061020 bytes of memory (1048576 of them linear memory) and Arduino Nano 33 BLE has 147456 for apps: link it with a smaller memory and stack",
    )
    .await;
    check(
        &scene,
        br#"(module (func (export "init")))"#,
        UploadOptions {
            grants: vec!["gpio:5".parse().unwrap()],
            ..for_nano("wired")
        },
        UploadRefusal::Capability,
        "wired asks for pin 5, which Arduino Nano 33 BLE does not give to apps: choose one of 13, 16, 24 and 41",
    )
    .await;
    check(
        &scene,
        br#"(module (func (export "init")))"#,
        UploadOptions {
            grants: vec![Capability::Kv(64)],
            ..named("keeper")
        },
        UploadRefusal::Capability,
        "keeper asks for kv:64, which the firmware of boards does not offer: leave it out",
    )
    .await;
    check(
        &scene,
        br#"(module (func (export "init")))"#,
        UploadOptions {
            targets: vec!["zx81".into()],
            ..named("retro")
        },
        UnknownBoard,
        "retro is meant for zx81, which is no board that is known here: see drydock boards",
    )
    .await;
    check(
        &scene,
        br#"(module (func (export "init")))"#,
        UploadOptions::default(),
        Name,
        "The module does not say how it is called: give the app a name",
    )
    .await;
    check(
        &scene,
        br#"(module (@custom "drydock" "\a1\64nick\61a") (func (export "init")))"#,
        named("typo"),
        CustomSection,
        "typo cannot run on any board: the module's drydock section has an unknown or repeated key \"nick\": fix its drydock section and build it again",
    )
    .await;
    check(&scene, &blink("1.0.0", 300 * 1024), for_nano("blink"), TooLarge,
 "blink has 307305 bytes and Arduino Nano 33 BLE stores at most 262144: build it smaller (optimise for size, strip symbols)").await;
}

/// A module whose function has this many locals.
fn with_locals(count: usize) -> Vec<u8> {
    format!(r#"(module (func (export "init") {}))"#, "(local i32)".repeat(count)).into_bytes()
}

/// A `producers` section that names the module's toolchain.
fn made_by(name: &str, rest: &str) -> Vec<u8> {
    let length = name.len();
    format!(r#"(module {rest} (@custom "producers" "\01\0cprocessed-by\01\{length:02x}{name}\031.0"))"#).into_bytes()
}

#[tokio::test]
async fn each_refusal_names_the_true_cause() {
    let scene = Scene::new().await;
    let check = async |module: &[u8], kind: UploadRefusal, sentence: &str| {
        check(&scene, module, named("app"), kind, sentence).await;
    };
    let component = "app cannot be an app: it is a component and boards run core modules: build a core module, for wasm32-unknown-unknown or wasm32-wasip1";
    check(b"\0asm\x0d\0\x01\0", UploadRefusal::NotWasm, component).await;
    check(b"(component)", UploadRefusal::NotWasm, component).await;
    check(
        br#"(module (memory 100 (pagesize 1)) (data (i32.const 8) "fits") (data (i32.const 97) "four") (func (export "init")))"#,
        UploadRefusal::Instantiation,
        "app cannot run on any board: its data segment 1 writes 4 bytes at address 97 and its memory begins with 100 bytes, so that instantiating it traps (out of bounds memory access): give it a larger memory",
    )
    .await;
    check(
        br#"(module (table 3 funcref) (func $f (export "init")) (elem (i32.const 0) $f) (elem (i32.const 2) $f $f))"#,
        UploadRefusal::Instantiation,
        "app cannot run on any board: its element segment 1 puts 2 elements at index 2 and its table has 3, so that instantiating it traps (out of bounds table access): give it a larger table",
    )
    .await;
    check(
        &with_locals(30_001),
        UploadRefusal::Instantiation,
        "app cannot run on any board: its function 0 has 30001 local variables and boards run at most 30000: keep arrays in linear memory",
    )
    .await;
    check(
        br#"(module (import "env" "one" (func)) (import "wasi_snapshot_preview1" "proc_exit" (func (param i32)))
            (import "wasi_snapshot_preview1" "path_open" (func (param i32 i32) (result i32))) (import "env" "two" (global i32))
            (func (export "init")))"#,
        UploadRefusal::UnknownImport,
        "app cannot run on any board: it imports env.one, wasi_snapshot_preview1.path_open and env.two, which boards do not have: use the calls of the guest SDK",
    )
    .await;
    check(
        br#"(module (func (export "init") (drop (i32x4.splat (i32.const 1)))))"#,
        UploadRefusal::NotWasm,
        "app cannot be an app: it uses SIMD, which boards do not run: build it without the features that boards lack",
    )
    .await;
    // Modules that boards can run are accepted: an offset known only at instantiation, a passive segment, many locals.
    for module in [
        br#"(module (memory 4 (pagesize 1)) (data "longer than it") (data (i32.add (i32.const 2) (i32.const 9)) "x") (func (export "init")))"#.to_vec(),
        with_locals(30_000),
    ] {
        let report = scene.gateway.analyze(&module).unwrap();
        assert_eq!(report.problems, Vec::<String>::new());
    }
}

#[tokio::test]
async fn each_toolchain_is_told_its_own_way_out() {
    let scene = Scene::new().await;
    let missing = r#"(import "env" "abort" (func)) (func (export "init"))"#;
    for (made_by_whom, way_out) in [
        ("rustc", "#![no_std] and the target wasm32-unknown-unknown"),
        ("TinyGo", "-target=wasm-unknown -panic=trap"),
        ("AssemblyScript", "--use abort="),
        ("zig", "-target wasm32-freestanding"),
        ("clang", "-nostdlib"),
        ("emscripten", "clang --target=wasm32"),
        ("Go cmd/compile", "TinyGo"),
        ("wasm-bindgen", "without wasm-bindgen"),
    ] {
        let problems = scene.gateway.analyze(&made_by(made_by_whom, missing)).unwrap().problems;
        assert!(problems[0].contains(way_out), "{made_by_whom}: {problems:?}");
        let problems = scene
            .gateway
            .analyze(&made_by(made_by_whom, "(func)"))
            .unwrap()
            .problems;
        assert!(
            problems[0].contains("export _start, init or tick, "),
            "{made_by_whom}: {problems:?}"
        );
        let simd = made_by(
            made_by_whom,
            r#"(func (export "init") (drop (i32x4.splat (i32.const 1))))"#,
        );
        let refused = scene.gateway.analyze(&simd).unwrap_err().reason;
        assert!(
            refused.starts_with("it uses SIMD, which boards do not run: build it"),
            "{refused}"
        );
    }
}

#[tokio::test]
async fn a_module_beyond_the_limit_is_refused() {
    let scene = Scene::new().await;
    let config = GatewayConfig {
        data_dir: scene.directory.path().join("small"),
        limits: SessionLimits {
            max_module_bytes: 1_000,
            ..SessionLimits::default()
        },
        boards: vec![nano()],
        ..scene.config()
    };
    let gateway = Gateway::open(config).await.unwrap();
    let refused = gateway
        .upload(&blink("1.0.0", 2_000), UploadOptions::default())
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("at most 1000 can be sent"), "{refused}");
    let refused = gateway.upload(&vec![0; 20_000], named("zeros")).await.unwrap_err();
    assert!(
        refused.to_string().contains("far more than any board takes"),
        "{refused}"
    );
}

#[tokio::test]
async fn names_and_debug_information_stay_here() {
    let scene = Scene::new().await;
    let plain = br#"(module (func (export "init")))"#;
    let with_names =
        br#"(module (@custom "producers" "somebody") (func $very_long_name_of_a_function (export "init")))"#;
    let first = scene
        .gateway
        .upload(&wat::parse_bytes(plain).unwrap(), named("small"))
        .await
        .unwrap();
    let given = wat::parse_bytes(with_names).unwrap();
    let second = scene.gateway.upload(&given, named("small")).await.unwrap();
    assert_eq!(first.digest, second.digest);
    assert_eq!(
        first.id, second.id,
        "the same module with the same options is the same package"
    );
    let kept = scene
        .directory
        .path()
        .join("modules")
        .join(format!("{}.debug", second.digest));
    assert_eq!(std::fs::read(kept).unwrap(), given.as_ref());
    let report = scene.gateway.analyze(&given).unwrap();
    assert_eq!(
        (report.size_bytes, report.given_bytes as usize),
        (second.size_bytes, given.len())
    );
}

#[tokio::test]
async fn versions_follow_each_other_and_never_go_back_in_silence() {
    let scene = Scene::new().await;
    let gateway = &scene.gateway;
    let module = |number: u32| format!(r#"(module (func (export "init") i32.const {number} drop))"#).into_bytes();
    let upload = |number: u32, version: Option<&str>| {
        let options = UploadOptions {
            version: version.map(|version| version.parse().unwrap()),
            ..named("app")
        };
        let module = module(number);
        async move { gateway.upload(&module, options).await }
    };
    let said = |package: drydock_gateway::PackageView| (package.version, package.sequence);
    assert_eq!(said(upload(1, None).await.unwrap()), ("0.1.0".into(), 1));
    assert_eq!(said(upload(1, None).await.unwrap()), ("0.1.0".into(), 1));
    assert_eq!(said(upload(2, None).await.unwrap()), ("0.1.1".into(), 2));
    assert_eq!(said(upload(3, Some("2.0.0")).await.unwrap()), ("2.0.0".into(), 3));
    // A rebuild under the same version is a new package.
    assert_eq!(said(upload(4, Some("2.0.0")).await.unwrap()), ("2.0.0".into(), 4));
    let refused = upload(5, Some("1.9.9")).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "app 1.9.9 is older than 2.0.0, which is signed already: give it a higher version, such as 2.0.1"
    );
    assert_eq!(gateway.versions("app").len(), 4);
}

#[tokio::test]
async fn a_memory_may_grow_to_its_declared_maximum_or_the_limit_of_its_section() {
    let scene = Scene::new().await;
    let check = async |text: &str, limit_bytes: u32| {
        let package = scene.gateway.upload(text.as_bytes(), named("grows")).await.unwrap();
        assert_eq!(package.memory_bytes, limit_bytes, "{text}");
    };
    check(r#"(module (memory 64 128 (pagesize 1)) (func (export "init")))"#, 128).await;
    check(r#"(module (memory 1 65536) (func (export "init")))"#, 512 * 1024).await;
    check(
        r#"(module (memory 64 (pagesize 1)) (func (export "init")))"#,
        512 * 1024,
    )
    .await;
    let section = r#"(@custom "drydock" "\a1\66limits\a1\6cmemory_bytes\19\20\00")"#;
    check(
        &format!(r#"(module (memory 64 128 (pagesize 1)) {section} (func (export "init")))"#),
        8192,
    )
    .await;
    let plain = scene
        .gateway
        .analyze(br#"(module (memory 64 128 (pagesize 1)) (func (export "init")))"#);
    let small = scene
        .gateway
        .analyze(br#"(module (memory 64 (pagesize 1)) (func (export "init")))"#);
    let heap_bytes = |report: Result<ModuleReport, _>| report.unwrap().heap_bytes;
    assert!(
        heap_bytes(plain) - heap_bytes(small) < 64,
        "what it may grow to is not set aside"
    );
}

#[tokio::test]
async fn a_module_with_a_start_function_is_taken() {
    let scene = Scene::new().await;
    let module = br#"(module (func $f) (start $f) (func (export "tick")))"#;
    assert_eq!(scene.gateway.analyze(module).unwrap().problems, Vec::<String>::new());
    scene.gateway.upload(module, named("ready")).await.unwrap();
}

#[tokio::test]
async fn a_module_is_granted_what_it_may_have_and_no_more() {
    let scene = Scene::new().await;
    let plain = br#"(module (func (export "init")))"#;
    let report = scene
        .gateway
        .analyze(
            br#"(module
        (import "drydock" "gpio_write" (func (param i32 i32)))
        (import "wasi_snapshot_preview1" "random_get" (func (param i32 i32) (result i32)))
        (memory 1) (func (export "_start")))"#,
        )
        .unwrap();
    assert!(report.uses_gpio && report.from_text);
    assert_eq!(
        (report.wanted, report.exports),
        (vec![Capability::Random], vec!["_start".to_owned()])
    );
    assert_eq!(
        (report.memory_bytes, report.page_bytes, report.problems.len()),
        (65_536, 65_536, 0)
    );

    let bare = scene.gateway.upload(plain, named("bare")).await.unwrap();
    assert_eq!(bare.capabilities, ["log", "metrics", "timer"]);
    let dropped = scene.gateway.upload(plain, for_nano("dropped")).await.unwrap();
    assert_eq!(dropped.capabilities, ["log", "metrics", "timer", "gpio:13,24"]);
    let options = UploadOptions {
        grants: vec!["gpio:16".parse().unwrap(), Capability::Random],
        ..for_nano("consented")
    };
    let consented = scene.gateway.upload(plain, options).await.unwrap();
    assert_eq!(
        consented.capabilities,
        ["log", "metrics", "timer", "gpio:13,16,24", "random"]
    );
    // A module that lists its capabilities gets exactly those.
    let modest = br#"(module (@custom "drydock" "\a1\6ccapabilities\81\63log") (func (export "init")))"#;
    let modest = scene.gateway.upload(modest, for_nano("modest")).await.unwrap();
    assert_eq!(modest.capabilities, ["log"]);
}

#[tokio::test]
async fn whether_it_fits_is_known_before_the_drop() {
    let scene = Scene::new().await;
    let report = scene
        .gateway
        .analyze(br#"(module (memory 16) (func (export "init")))"#)
        .unwrap();
    let reason = scene.gateway.fits(&report, "greedy", "nano33ble", None).unwrap();
    assert!(reason.contains("Arduino Nano 33 BLE has 147456 for apps"), "{reason}");
    let small = scene.gateway.analyze(&blink("1.0.0", 64)).unwrap();
    assert_eq!(scene.gateway.fits(&small, "blink", "nano33ble", None), None);
}
