//! Reading the whole store into memory.

use super::{
    DesiredApp, Model, PackageRecord, PairingRecord,
    model::{DeviceRecord, from_word},
};
use crate::{
    config::PairingMode,
    domain::{Deployment, DeploymentId, DeploymentTarget, DeviceId, Digest, InstanceView, PackageId},
};
use serde::de::DeserializeOwned;
use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};
use std::{collections::BTreeMap, sync::Arc};

/// Number of deployments kept in memory: the latest ones. Deployments with open work are among them.
const DEPLOYMENTS: i64 = 1_000;

/// Why the store could not be read.
pub(super) enum LoadError {
    Database(sqlx::Error),
    /// The invalid value.
    Unreadable(String),
}

impl From<sqlx::Error> for LoadError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

pub(super) async fn model(connection: &mut SqliteConnection, pairing: PairingMode) -> Result<Model, LoadError> {
    let mut model = Model::empty(pairing);
    let revision: Option<i64> = sqlx::query_scalar("SELECT max(revision) FROM events")
        .fetch_one(&mut *connection)
        .await?;
    model.revision = revision.unwrap_or(0).cast_unsigned();
    for row in rows(connection, "SELECT * FROM devices").await? {
        let device = device(&row)?;
        model.devices.insert(device.id.clone(), device);
    }
    for row in rows(connection, "SELECT * FROM instances").await? {
        if let Some(device) = model.devices.get_mut(&DeviceId(row.get("device"))) {
            let instance = instance(&row)?;
            device.instances.insert(instance.app.clone(), instance);
        }
    }
    for row in rows(connection, "SELECT * FROM wishes").await? {
        if let Some(device) = model.devices.get_mut(&DeviceId(row.get("device"))) {
            let desired = desired(&row);
            device.desired.insert(desired.app.clone(), desired);
        }
    }
    for row in rows(connection, "SELECT * FROM packages").await? {
        let package = package(&row)?;
        model.packages.insert(package.view.id.clone(), Arc::new(package));
    }
    for row in rows(connection, "SELECT * FROM pairings").await? {
        let pairing = pairing_record(&row)?;
        model.pairings.insert(pairing.token_hash, pairing);
    }
    model.deployments = deployments(connection).await?;
    Ok(model)
}

async fn deployments(connection: &mut SqliteConnection) -> Result<BTreeMap<DeploymentId, Deployment>, LoadError> {
    let latest = sqlx::query("SELECT * FROM deployments ORDER BY id DESC LIMIT ?")
        .bind(DEPLOYMENTS)
        .fetch_all(&mut *connection)
        .await?;
    let mut deployments = BTreeMap::new();
    for row in latest {
        let id = DeploymentId(row.get::<i64, _>("id").cast_unsigned());
        let rows = sqlx::query("SELECT * FROM deployment_targets WHERE deployment = ? ORDER BY device")
            .bind(id.0.cast_signed())
            .fetch_all(&mut *connection)
            .await?;
        let targets = rows.iter().map(target).collect::<Result<_, _>>()?;
        let deployment = Deployment {
            id,
            package: PackageId(row.get("package")),
            app: row.get("app"),
            start: row.get("start"),
            created_ms: unsigned(&row, "created_ms"),
            targets,
        };
        deployments.insert(id, deployment);
    }
    Ok(deployments)
}

async fn rows(connection: &mut SqliteConnection, sql: &'static str) -> Result<Vec<SqliteRow>, LoadError> {
    Ok(sqlx::query(sql).fetch_all(connection).await?)
}

fn device(row: &SqliteRow) -> Result<DeviceRecord, LoadError> {
    let serial: Option<String> = row.get("certificate_serial");
    let key: Option<Vec<u8>> = row.get("certificate_key");
    let key = key.map(|key| hash(&key)).transpose()?;
    Ok(DeviceRecord {
        id: DeviceId(row.get("id")),
        name: row.get("name"),
        board: row.get("board"),
        chip_id: row.get("chip_id"),
        state: read_word(row, "state")?,
        firmware: row.get("firmware"),
        last_heard_ms: optional(row, "last_heard_ms"),
        session_seq: unsigned(row, "session_seq"),
        boot_count: row.get("boot_count"),
        reset_reason: row
            .get::<Option<String>, _>("reset_reason")
            .and_then(|word| from_word(&word)),
        last_fault: read_json(row, "last_fault")?,
        heap_bytes: row.get("heap_bytes"),
        store_bytes: row.get("store_bytes"),
        store_free_bytes: row.get("store_free_bytes"),
        enrolled_ms: optional(row, "enrolled_ms"),
        certificate: serial.zip(key),
        instances: BTreeMap::new(),
        desired: BTreeMap::new(),
    })
}

fn instance(row: &SqliteRow) -> Result<InstanceView, LoadError> {
    Ok(InstanceView {
        app: row.get("app"),
        version: row.get("version"),
        sequence: unsigned(row, "sequence"),
        digest: row
            .get::<String, _>("digest")
            .parse()
            .map_err(|_| LoadError::Unreadable("the digest of an instance".to_owned()))?,
        state: read_word(row, "state")?,
        failure: read_json(row, "failure")?,
        autostart: row.get("autostart"),
        uptime_ms: unsigned(row, "uptime_ms"),
        reported_ms: unsigned(row, "reported_ms"),
    })
}

fn desired(row: &SqliteRow) -> DesiredApp {
    let previous: Option<String> = row.get("previous_package");
    DesiredApp {
        app: row.get("app"),
        package: row.get::<Option<String>, _>("package").map(PackageId),
        run: row.get("run"),
        start_once: row.get("start_once"),
        deployment: optional(row, "deployment").map(DeploymentId),
        previous: previous.map(|package| (PackageId(package), row.get("previous_run"))),
    }
}

fn package(row: &SqliteRow) -> Result<PackageRecord, LoadError> {
    let id = PackageId(row.get("id"));
    let envelope: Vec<u8> = row.get("envelope");
    let signed_ms = unsigned(row, "signed_ms");
    let rollback_of = row.get::<Option<String>, _>("rollback_of").map(PackageId);
    crate::package::record(&envelope, signed_ms, rollback_of)
        .filter(|record| record.view.id == id)
        .ok_or_else(|| LoadError::Unreadable(format!("the manifest of {id}")))
}

fn target(row: &SqliteRow) -> Result<DeploymentTarget, LoadError> {
    Ok(DeploymentTarget {
        device: DeviceId(row.get("device")),
        status: read_word(row, "status")?,
        detail: row.get("detail"),
        changed_ms: unsigned(row, "changed_ms"),
    })
}

fn pairing_record(row: &SqliteRow) -> Result<PairingRecord, LoadError> {
    Ok(PairingRecord {
        token_hash: hash(row.get("token_hash"))?,
        device: DeviceId(row.get("device")),
        chip_id: row.get("chip_id"),
        expires_ms: unsigned(row, "expires_ms"),
        used: row.get("used"),
        again: row.get("again"),
        own: row.get("own"),
    })
}

fn hash(bytes: &[u8]) -> Result<Digest, LoadError> {
    let bytes = bytes
        .try_into()
        .map_err(|_| LoadError::Unreadable("a hash".to_owned()))?;
    Ok(Digest(bytes))
}

fn unsigned(row: &SqliteRow, column: &str) -> u64 {
    row.get::<i64, _>(column).cast_unsigned()
}

fn optional(row: &SqliteRow, column: &str) -> Option<u64> {
    row.get::<Option<i64>, _>(column).map(i64::cast_unsigned)
}

fn read_word<T: DeserializeOwned>(row: &SqliteRow, column: &str) -> Result<T, LoadError> {
    let word: String = row.get(column);
    from_word(&word).ok_or_else(|| LoadError::Unreadable(format!("{column} {word}")))
}

fn read_json<T: DeserializeOwned>(row: &SqliteRow, column: &str) -> Result<Option<T>, LoadError> {
    let text: Option<String> = row.get(column);
    text.map(|text| serde_json::from_str(&text).map_err(|_| LoadError::Unreadable(format!("{column} {text}"))))
        .transpose()
}
