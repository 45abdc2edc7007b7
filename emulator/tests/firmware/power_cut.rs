//! Cuts the power at any instruction of a deployment: afterwards the board has the old app or the new one, and runs
//! it.

use crate::support::{
    package::{deploy, manifest, sign},
    world::World,
};
use drydock_emulator::{Image, VirtualTime};
use drydock_protocol::{
    device_to_gateway::Reply,
    envelope::{Envelope, Kind},
    gateway_to_device::{PackageBegin, PackageChunk, PackageCommit},
    limits::CHUNK_BYTES,
    types::AppState,
};
use libtest_mimic::Failed;

const APP: &str = "trial";

/// `DRYDOCK_CUTS=N` cuts N times, `DRYDOCK_CUT_SEED=S` at other instants.
pub(crate) fn in_a_deployment(image: &Image) -> Result<(), Failed> {
    let number = |name: &str, usual: u64| std::env::var(name).ok().map_or(Ok(usual), |text| text.parse());
    let cuts = number("DRYDOCK_CUTS", 8)?;
    let mut random = number("DRYDOCK_CUT_SEED", 1)?;
    let module = drydock_embedded::app("blink")
        .map_err(|missing| missing.to_string())?
        .wasm;

    let mut world = World::in_session(image);
    deploy(&mut world, &manifest(APP, 1, module), module).map_err(|refusal| refusal.detail)?;
    let start = world.machine.now();
    deploy(&mut world, &manifest(APP, 2, module), module).map_err(|refusal| refusal.detail)?;
    let span = (world.machine.now() - start).as_ps();

    let (mut installed, mut old, mut new) = (2, 0, 0);
    for (cut, next) in (3..).enumerate().take(cuts as usize) {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        // Anywhere in it, and every other one towards its end, where the new app is committed.
        let part = ((u128::from(span) * u128::from(random >> 32)) >> 32) as u64;
        let after = if cut % 2 == 0 {
            part
        } else {
            span - span / 20 + part / 10
        };
        world.gateway.inbox.clear();
        world.cut_at = Some(world.machine.now() + VirtualTime::from_ps(after));
        send(&mut world, next, module)?;
        world.run_until("the cut", |world| world.cut_at.is_none());
        let instructions = world.machine.instructions();

        world.gateway.inbox.clear();
        let hello = world.hello();
        let app = hello.apps.iter().find(|app| app.app == APP);
        let app = app.ok_or_else(|| format!("neither app is there after a cut at instruction {instructions}"))?;
        match app.sequence {
            sequence if sequence == installed => old += 1,
            sequence if sequence == next => new += 1,
            sequence => return Err(format!("sequence {sequence} after a cut at instruction {instructions}").into()),
        }
        installed = app.sequence;
        if app.state != AppState::Running {
            while world.report().state != AppState::Running {}
        }
        assert_eq!(world.log_line().app, APP);
    }
    println!("{cuts} cuts: the old app {old} times, the new one {new} times");
    assert!(world.faults.is_empty(), "{:?}", world.faults);
    Ok(())
}

/// After a deployment the board erases the pages for the next one, part by part. If the power is cut during that, or
/// when the board has begun to write to the pages, it takes the next package nevertheless, and no word of flash is
/// written more often than the chip allows.
pub(crate) fn in_idle_time(image: &Image) -> Result<(), Failed> {
    let mut random = 1_u64;
    let module = drydock_embedded::app("sensor")
        .map_err(|missing| missing.to_string())?
        .wasm;
    let mut world = World::in_session(image);
    // Used pages, as an older board has them.
    world.machine.write_memory(PACKAGES, &vec![0; PACKAGES_BYTES])?;
    let mut blank = Vec::new();
    for sequence in 1..=6 {
        if sequence % 2 == 0 {
            begin_and_cut(&mut world, sequence, module)?;
        }
        deploy(&mut world, &manifest(APP, sequence, module), module).map_err(|refusal| refusal.detail)?;
        while world.report().state != AppState::Running {}
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        world.gateway.inbox.clear();
        // Eight pages take some 0.8 seconds.
        world.cut_at = Some(world.machine.now() + VirtualTime::from_ms(random >> 54));
        world.run_until("the cut", |world| world.cut_at.is_none());
        blank.push(blank_pages(&mut world)?);
        let hello = world.hello();
        assert_eq!(
            hello.apps.iter().map(|app| app.sequence).collect::<Vec<_>>(),
            [sequence]
        );
        world.run_until("a session", |world| world.gateway.has_session());
        world.gateway.inbox.clear();
    }
    println!("blank pages at the cuts: {blank:?}");
    assert!(blank.iter().any(|pages| *pages > 0), "{blank:?}");
    assert!(world.faults.is_empty(), "{:?}", world.faults);
    Ok(())
}

/// Lets the board finish erasing ahead and record it, and cuts the power when some of these units have been written:
/// they were blank before, and no longer are.
fn begin_and_cut(world: &mut World, sequence: u64, module: &[u8]) -> Result<(), Failed> {
    let idle = world.machine.now() + VirtualTime::from_ms(1_500);
    world.run_until("the erasing ahead", |world| world.machine.now() >= idle);
    // Different bytes from those of the next package.
    let envelope = sign(&manifest(APP, sequence + 100, module), &world.gateway.publisher);
    let data = &module[module.len() - CHUNK_BYTES..];
    // Not before both are answered.
    world.cut_at = Some(world.machine.now() + VirtualTime::from_seconds(10));
    assert!(ask(world, Kind::PackageBegin, &PackageBegin { envelope })?);
    assert!(ask(world, Kind::PackageChunk, &PackageChunk { offset: 0, data })?);
    world.cut_at = Some(world.machine.now());
    world.run_until("the cut", |world| world.cut_at.is_none());
    world.gateway.inbox.clear();
    let sequences: Vec<u64> = world.hello().apps.iter().map(|app| app.sequence).collect();
    assert_eq!(
        sequences,
        [sequence - 1],
        "a transfer that was not committed is not reported"
    );
    world.run_until("a session", |world| world.gateway.has_session());
    world.gateway.inbox.clear();
    Ok(())
}

/// Address at which the Nano stores packages (assets/boards/nano33ble.toml), and its pages.
const PACKAGES: u32 = 0xA_0000;
const PACKAGES_BYTES: usize = 0x5_C000;
const PAGE_BYTES: usize = 4096;

fn blank_pages(world: &mut World) -> Result<usize, Failed> {
    let mut bytes = vec![0; PACKAGES_BYTES];
    world.machine.read_memory(PACKAGES, &mut bytes)?;
    let is_blank = |page: &&[u8]| page.iter().all(|byte| *byte == 0xFF);
    Ok(bytes.chunks(PAGE_BYTES).filter(is_blank).count())
}

/// Sends a package, as long as there is power.
fn send(world: &mut World, sequence: u64, module: &[u8]) -> Result<(), Failed> {
    let envelope = sign(&manifest(APP, sequence, module), &world.gateway.publisher);
    if !ask(world, Kind::PackageBegin, &PackageBegin { envelope })? {
        return Ok(());
    }
    for (index, data) in module.chunks(CHUNK_BYTES).enumerate() {
        let offset = (index * CHUNK_BYTES) as u32;
        if !ask(world, Kind::PackageChunk, &PackageChunk { offset, data })? {
            return Ok(());
        }
    }
    ask(world, Kind::PackageCommit, &PackageCommit { start: true }).map(|_| ())
}

/// Whether the answer came before the cut.
fn ask<T: minicbor::Encode<()>>(world: &mut World, kind: Kind, request: &T) -> Result<bool, Failed> {
    let id = world.gateway.request(kind, request);
    let mut answer = None;
    world.run_until("an answer or the cut", |world| {
        let inbox = &mut world.gateway.inbox;
        let found = inbox.iter().position(|message| {
            Envelope::decode(message).is_ok_and(|envelope| envelope.kind == Kind::Reply as u16 && envelope.id == id)
        });
        answer = found.and_then(|at| inbox.remove(at));
        answer.is_some() || world.cut_at.is_none()
    });
    let Some(answer) = answer else { return Ok(false) };
    match Envelope::decode(&answer)?.body()? {
        Reply::Refused(refusal) => Err(refusal.detail.into()),
        Reply::Done | Reply::ChunkTaken(_) => Ok(true),
    }
}
