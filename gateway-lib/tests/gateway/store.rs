//! The data directory: one owner, private keys, gap-free events, an audit trail that shows tampering.

use crate::{
    device::{TestDevice, enroll},
    scene::{Scene, events, minute},
};
use drydock_gateway::{
    AuditError, AuditHead, DeviceChange, EventKind, EventMessage, Gateway, GatewayConfig, OpenError, PeerLabel,
};
use sqlx::{ConnectOptions, Connection, sqlite::SqliteConnectOptions};
use std::os::unix::fs::PermissionsExt;

async fn database(scene: &Scene) -> sqlx::SqliteConnection {
    let options = SqliteConnectOptions::new().filename(scene.directory.path().join("gateway.db"));
    options.connect().await.unwrap()
}

#[tokio::test]
async fn a_second_gateway_on_the_directory_is_turned_away() {
    let scene = Scene::new().await;
    let second = Gateway::open(scene.config()).await;
    assert!(matches!(second, Err(OpenError::InUse { .. })));
    let config = scene.config();
    scene.gateway.close().await;
    let Scene { gateway, directory, .. } = scene;
    drop(gateway);
    Gateway::open(config).await.unwrap();
    drop(directory);
}

#[tokio::test]
async fn keys_are_readable_by_the_user_alone() {
    let scene = Scene::new().await;
    let keys = scene.directory.path().join("pki");
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&keys), 0o700);
    let mut count = 0;
    for entry in std::fs::read_dir(&keys).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
        count += 1;
    }
    assert_eq!(count, 7);
}

#[tokio::test]
async fn the_root_key_can_be_put_away() {
    let scene = Scene::new().await;
    let (config, id) = (scene.config(), scene.gateway.info().id);
    scene.gateway.close().await;
    let Scene { gateway, directory, .. } = scene;
    drop(gateway);
    std::fs::remove_file(directory.path().join("pki/root.key.pem")).unwrap();
    let gateway = Gateway::open(config).await.unwrap();
    assert_eq!(gateway.info().id, id);
}

/// The next process that opens the directory owns it alone, journal included.
#[tokio::test]
async fn a_closed_gateway_has_let_go_of_its_database() {
    let scene = Scene::new().await;
    let journal = scene.directory.path().join("gateway.db-wal");
    assert!(journal.exists());
    scene.gateway.close().await;
    assert!(!journal.exists(), "the connection is still open");
}

#[tokio::test]
async fn a_newer_store_is_left_untouched() {
    let scene = Scene::new().await;
    let config = scene.config();
    scene.gateway.close().await;
    let mut database = database(&scene).await;
    sqlx::raw_sql("PRAGMA wal_checkpoint(TRUNCATE); PRAGMA user_version = 999")
        .execute(&mut database)
        .await
        .unwrap();
    database.close().await.unwrap();
    let Scene { gateway, directory, .. } = scene;
    drop(gateway);
    let path = directory.path().join("gateway.db");
    let before = std::fs::read(&path).unwrap();
    let refused = Gateway::open(config).await;
    assert!(matches!(
        refused,
        Err(OpenError::NewerSchema {
            found: 999,
            known: 3,
            ..
        })
    ));
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

/// Replaces the scene's database by one that an early version wrote (schema 1, field names of that time).
async fn of_schema_1(scene: &Scene) -> GatewayConfig {
    scene.gateway.close().await;
    let path = scene.directory.path().join("gateway.db");
    std::fs::remove_file(&path).unwrap();
    let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let mut database = options.connect().await.unwrap();
    for sql in [include_str!("schema-1.sql"), "PRAGMA user_version = 1"] {
        sqlx::raw_sql(sql).execute(&mut database).await.unwrap();
    }
    database.close().await.unwrap();
    scene.config()
}

#[tokio::test]
async fn an_older_store_is_backed_up_and_migrated() {
    let scene = Scene::new().await;
    let config = of_schema_1(&scene).await;
    let gateway = Gateway::open(config.clone()).await.unwrap();
    assert_eq!(gateway.info().schema, 3);
    let devices = gateway.devices();
    assert_eq!((devices.len(), devices[0].name.as_str()), (1, "bench-1"));
    let apps: Vec<String> = gateway.packages().into_iter().map(|package| package.app).collect();
    assert_eq!(apps, ["blink", "counter"]);
    assert_eq!(gateway.deployments().len(), 2);
    // Eight earlier entries, and the one about opening the gateway.
    assert_eq!(gateway.verify_audit().await.unwrap(), 9);
    // A new pairing works, and is kept over the next start.
    gateway.create_own_pairing(minute(), "bench-2".into()).await.unwrap();
    gateway.close().await;
    let again = Gateway::open(config).await.unwrap();
    assert_eq!(again.devices().len(), 2);

    let backup = scene.directory.path().join("gateway.schema-1.backup.db");
    let options = SqliteConnectOptions::new().filename(&backup).read_only(true);
    let mut database = options.connect().await.unwrap();
    let kept: (u32, u32) =
        sqlx::query_as("SELECT user_version, (SELECT COUNT(*) FROM devices) FROM pragma_user_version")
            .fetch_one(&mut database)
            .await
            .unwrap();
    assert_eq!(kept, (1, 1));
}

/// Rows keep their original names (`wishes`, `wish_changed`); this version reads them under its own.
#[tokio::test]
async fn rows_with_the_names_of_an_earlier_version_are_read() {
    let scene = Scene::new().await;
    let config = of_schema_1(&scene).await;
    let gateway = Gateway::open(config).await.unwrap();
    let device = gateway.devices().remove(0);
    let desired: Vec<_> = device
        .desired
        .iter()
        .map(|app| (app.app.as_str(), app.package.as_ref().map(ToString::to_string), app.run))
        .collect();
    assert_eq!(
        desired,
        [
            ("blink", Some("blink#1".to_owned()), false),
            ("counter", Some("counter#1".to_owned()), true)
        ]
    );
    // `events` fails at an event that cannot be read.
    let events = events(&gateway, 0).await;
    assert!(events.len() >= 23, "{}", events.len());
    let changes = events
        .iter()
        .filter(|kind| matches!(kind, EventKind::DesiredChanged { desired: Some(_), .. }));
    assert_eq!(changes.count(), 5);
    let enrolled = events.iter().find_map(|kind| match kind {
        EventKind::DeviceChanged {
            device,
            change: DeviceChange::Enrolled,
        } => Some(device.desired.len()),
        _ => None,
    });
    assert_eq!(enrolled, Some(1));
}

#[tokio::test]
async fn missing_keys_are_not_replaced_in_silence() {
    let scene = Scene::new().await;
    scene.enrolled("bench-1", 1).await;
    let config = scene.config();
    scene.gateway.close().await;
    let Scene { gateway, directory, .. } = scene;
    drop(gateway);
    std::fs::rename(directory.path().join("pki"), directory.path().join("elsewhere")).unwrap();
    let refused = Gateway::open(config.clone()).await;
    assert!(matches!(refused, Err(OpenError::Keys { .. })));
    std::fs::rename(directory.path().join("elsewhere"), directory.path().join("pki")).unwrap();
    Gateway::open(config).await.unwrap();
}

#[tokio::test]
async fn events_have_no_gaps_and_say_when_they_are_too_old() {
    let scene = Scene::new().await;
    for name in ["a", "b", "c"] {
        scene
            .gateway
            .create_pairing(minute(), None, Some(name.into()))
            .await
            .unwrap();
    }
    let snapshot = scene.gateway.snapshot();
    assert_eq!(events(&scene.gateway, 0).await.len() as u64, snapshot.revision);
    assert_eq!(snapshot.devices.len(), 3);

    // Live ones follow without a gap.
    let mut live = scene.gateway.subscribe(snapshot.revision);
    scene
        .gateway
        .create_pairing(minute(), None, Some("d".into()))
        .await
        .unwrap();
    let Some(EventMessage::Event(event)) = live.next().await else {
        panic!("the event comes");
    };
    assert_eq!(event.revision, snapshot.revision + 1);

    // A revision of another store, or one that is no longer kept.
    let mut ahead = scene.gateway.subscribe(9_999);
    assert_eq!(ahead.next().await, Some(EventMessage::Resync));
    assert_eq!(ahead.next().await, None);
    let config = scene.config();
    scene.gateway.close().await;
    assert_eq!(live.next().await, None);
    let mut database = database(&scene).await;
    sqlx::raw_sql("DELETE FROM events WHERE revision <= 2")
        .execute(&mut database)
        .await
        .unwrap();
    let Scene { gateway, directory, .. } = scene;
    drop((gateway, live, ahead));
    let gateway = Gateway::open(config).await.unwrap();
    let mut old = gateway.subscribe(0);
    assert_eq!(old.next().await, Some(EventMessage::Resync));
    let mut kept = gateway.subscribe(2);
    assert!(matches!(kept.next().await, Some(EventMessage::Event(event)) if event.revision == 3));
    drop(directory);
}

#[tokio::test]
async fn tampering_with_the_audit_trail_shows() {
    let scene = Scene::new().await;
    scene.enrolled("bench-1", 1).await;
    let entries = scene.gateway.audit(1, 1_000).await.unwrap();
    assert_eq!(scene.gateway.verify_audit().await.unwrap(), entries.len() as u64);
    let config = scene.config();
    scene.gateway.close().await;
    let Scene {
        gateway,
        directory,
        clock,
    } = scene;
    drop(gateway);
    let check = async |sql: &'static str, broken_at: u64| {
        let options = SqliteConnectOptions::new().filename(directory.path().join("gateway.db"));
        let mut database = options.connect().await.unwrap();
        sqlx::raw_sql(sql).execute(&mut database).await.unwrap();
        database.close().await.unwrap();
        let gateway = Gateway::open(config.clone()).await.unwrap();
        match gateway.verify_audit().await {
            Err(AuditError::Broken { sequence, .. }) => assert_eq!(sequence, broken_at, "{sql}"),
            other => panic!("{other:?} after {sql}"),
        }
        gateway.close().await;
    };
    check("UPDATE audit SET detail = 'nothing happened' WHERE sequence = 3", 3).await;
    check("DELETE FROM audit WHERE sequence = 2", 2).await;
    drop(clock);
}

#[tokio::test]
async fn a_trail_that_was_cut_or_hashed_anew_shows() {
    let scene = Scene::new().await;
    scene.enrolled("bench-1", 1).await;
    scene.gateway.close().await;
    let directory = scene.directory.path().to_owned();
    let read = async |expected| Gateway::read_audit_trail(&directory, expected, |_| {}).await;
    let tip = read(None).await.unwrap();
    assert_eq!(tip.entries, 3);
    assert_eq!(tip.signed_by, scene.gateway.info().pin);
    let written_down = AuditHead {
        entries: 2,
        hash: {
            let mut hashes = Vec::new();
            let all = Gateway::read_audit_trail(&directory, None, |entry| hashes.push(entry.hash)).await;
            all.unwrap();
            hashes[1]
        },
    };
    read(Some(written_down)).await.unwrap();
    let wrong = AuditHead {
        hash: tip.hash,
        ..written_down
    };
    let error = read(Some(wrong)).await.unwrap_err();
    assert!(matches!(error, AuditError::Unexpected { .. }), "{error:?}");
    assert!(error.to_string().contains("entry 2 has another hash"), "{error}");

    let mut database = database(&scene).await;
    let mut execute = async |sql: &'static str| {
        sqlx::raw_sql(sql).execute(&mut database).await.unwrap();
    };
    // The tail is cut off: what is left is whole in itself.
    execute("CREATE TABLE kept AS SELECT * FROM audit; DELETE FROM audit WHERE sequence = 3").await;
    let error = read(None).await.unwrap_err();
    assert!(matches!(error, AuditError::End { entries: 2, .. }), "{error:?}");
    // With a head that was made to fit, but not by the gateway.
    execute("CREATE TABLE head AS SELECT * FROM audit_head").await;
    execute("UPDATE audit_head SET sequence = 2, hash = (SELECT hash FROM audit WHERE sequence = 2)").await;
    let error = read(None).await.unwrap_err();
    assert!(error.to_string().contains("is not the gateway's"), "{error}");
    execute("DELETE FROM audit_head").await;
    let error = read(None).await.unwrap_err();
    assert!(error.to_string().contains("its end is not signed"), "{error}");
    // As in a store of the version before, which did not sign.
    execute("PRAGMA user_version = 2").await;
    let error = read(None).await.unwrap_err();
    assert!(error.to_string().contains("its end is not signed"), "{error}");
    // The gateway signs what it finds when it opens; what it found stays in the trail.
    execute("PRAGMA user_version = 3; INSERT INTO audit_head SELECT * FROM head").await;
    let found = "the audit trail ends at entry 2, but the gateway signed 3 entries";
    for expected in [&[found][..], &[]] {
        let gateway = Gateway::open(scene.config()).await.unwrap();
        assert_eq!(gateway.info().recovered, expected);
        let third = gateway.audit(3, 1).await.unwrap().remove(0);
        assert_eq!(
            (third.action.as_str(), third.detail.as_str()),
            ("gateway.opened", found)
        );
        gateway.close().await;
    }
    // It is whole now, and signed. A head that was written down before tells what was lost.
    assert_eq!(read(None).await.unwrap().entries, 4);
    let lost = AuditHead {
        entries: 3,
        hash: tip.hash,
    };
    let error = read(Some(lost)).await.unwrap_err();
    assert!(error.to_string().contains("entry 3 has another hash"), "{error}");
    let longer = AuditHead { entries: 5, ..lost };
    let error = read(Some(longer)).await.unwrap_err();
    assert!(error.to_string().contains("were cut off"), "{error}");
}

#[tokio::test]
async fn a_flood_of_connections_does_not_hide_guessed_tokens() {
    let scene = Scene::new().await;
    for _ in 0..400 {
        let (client, server) = tokio::io::duplex(64);
        drop(client);
        scene.gateway.accept(server, PeerLabel::new("flood")).ended().await;
    }
    let pairing = scene.gateway.create_pairing(minute(), None, None).await.unwrap();
    let mut guess = TestDevice::new(1).enroll_request(&pairing);
    guess.token = vec![0; 16];
    enroll(&scene.gateway, &pairing, &guess).await.unwrap_err();
    scene.gateway.close().await;
    let mut entries = Vec::new();
    let read = Gateway::read_audit_trail(scene.directory.path(), None, |entry| entries.push(entry)).await;
    read.unwrap();
    let details = |action: &str| -> Vec<&str> {
        let of_action = entries.iter().filter(|entry| entry.action == action);
        of_action.map(|entry| entry.detail.as_str()).collect()
    };
    assert_eq!(details("enrollment.refused").len(), 1);
    assert_eq!(
        details("connections.refused"),
        ["100 further connections were refused, and not recorded one by one"]
    );
}

#[tokio::test]
async fn the_audit_trail_is_read_beside_its_gateway_and_without_it() {
    let scene = Scene::new().await;
    scene.enrolled("bench-1", 1).await;
    let directory = scene.directory.path().to_owned();
    let read = async || {
        let mut actions = Vec::new();
        let tip = Gateway::read_audit_trail(&directory, None, |entry| actions.push(entry.action)).await;
        (actions, tip)
    };
    let (live, tip) = read().await;
    assert_eq!(live, ["gateway.opened", "pairing.created", "device.enrolled"]);
    assert_eq!(tip.unwrap().entries, 3);
    scene.gateway.close().await;
    let (closed, tip) = read().await;
    assert_eq!(closed, live);
    assert_eq!(tip.unwrap().entries, 3);

    let mut database = database(&scene).await;
    sqlx::raw_sql("UPDATE audit SET actor = 'nobody' WHERE sequence = 2")
        .execute(&mut database)
        .await
        .unwrap();
    database.close().await.unwrap();
    let (sound, tip) = read().await;
    assert_eq!(sound, ["gateway.opened"]);
    assert!(matches!(tip, Err(AuditError::Broken { sequence: 2, .. })), "{tip:?}");
    let nowhere = Gateway::read_audit_trail(&directory.join("none"), None, |_| {}).await;
    assert!(matches!(nowhere, Err(AuditError::NoStore { .. })));
}
