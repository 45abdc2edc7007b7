//! The audit trail: each entry carries the hash of the one before, so that a changed or missing entry is found offline.

use super::{Store, Transaction};
use crate::{
    domain::{AuditEntry, AuditTip, Digest},
    error::{AuditError, StoreError},
};
use ring::digest::{Context, SHA256};
use sqlx::{
    ConnectOptions, Connection, Row, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteRow},
};
use std::path::Path;

impl Store {
    /// Entries from a position on.
    pub(crate) async fn audit(&self, from: u64, limit: u32) -> Result<Vec<AuditEntry>, StoreError> {
        let mut writer = self.writer.lock().await;
        let rows = page(writer.connection()?, from, limit)
            .await
            .map_err(|error| self.error(error))?;
        rows.iter().map(entry).collect()
    }

    /// Checks every entry; gives their number.
    pub(crate) async fn verify_audit(&self) -> Result<u64, AuditError> {
        let mut chain = AuditChain::default();
        loop {
            let page = self.audit(chain.entries + 1, PAGE).await?;
            if page.is_empty() {
                return Ok(chain.entries);
            }
            page.iter().try_for_each(|entry| chain.take(entry))?;
        }
    }
}

/// Entries that are read at once.
const PAGE: u32 = 1_000;

/// Reads the whole trail of a data directory, which may be open elsewhere, and passes on each valid entry. The database
/// is only read.
pub(crate) async fn read_trail(data_dir: &Path, mut each: impl FnMut(AuditEntry)) -> Result<AuditTip, AuditError> {
    let path = data_dir.join("gateway.db");
    if !path.is_file() {
        return Err(AuditError::NoStore { path });
    }
    let failed = |error| AuditError::Store(super::open::database_error(data_dir, error));
    let mut connection = SqliteConnectOptions::new()
        .filename(&path)
        .read_only(true)
        .busy_timeout(std::time::Duration::from_secs(5))
        .connect()
        .await
        .map_err(failed)?;
    let mut chain = AuditChain::default();
    loop {
        let rows = page(&mut connection, chain.entries + 1, PAGE).await.map_err(failed)?;
        if rows.is_empty() {
            break;
        }
        for row in &rows {
            let entry = entry(row)?;
            chain.take(&entry)?;
            each(entry);
        }
    }
    connection.close().await.map_err(failed)?;
    Ok(AuditTip {
        entries: chain.entries,
        hash: chain.tip,
    })
}

/// The trail as far as it was checked.
struct AuditChain {
    entries: u64,
    tip: Digest,
}

impl Default for AuditChain {
    fn default() -> Self {
        Self {
            entries: 0,
            tip: Digest([0; 32]),
        }
    }
}

impl AuditChain {
    fn take(&mut self, entry: &AuditEntry) -> Result<(), AuditError> {
        let sequence = self.entries + 1;
        let broken = |reason| Err(AuditError::Broken { sequence, reason });
        if entry.sequence != sequence {
            return broken("an entry is missing");
        }
        if entry.previous != self.tip {
            return broken("it does not follow the entry before");
        }
        if entry.hash != hash_of(entry) {
            return broken("its content does not match its hash");
        }
        *self = Self {
            entries: sequence,
            tip: entry.hash,
        };
        Ok(())
    }
}

async fn page(connection: &mut SqliteConnection, from: u64, limit: u32) -> Result<Vec<SqliteRow>, sqlx::Error> {
    sqlx::query("SELECT * FROM audit WHERE sequence >= ? ORDER BY sequence LIMIT ?")
        .bind(from.cast_signed())
        .bind(limit)
        .fetch_all(connection)
        .await
}

impl Transaction<'_> {
    /// Adds an entry.
    pub(crate) async fn audit(
        &mut self,
        actor: &str,
        action: &str,
        subject: &str,
        detail: &str,
    ) -> Result<(), StoreError> {
        let (tip, previous) = self.audit_tip();
        let mut entry = AuditEntry {
            sequence: tip + 1,
            time_ms: self.time_ms,
            actor: actor.to_owned(),
            action: action.to_owned(),
            subject: subject.to_owned(),
            detail: detail.to_owned(),
            previous,
            hash: previous,
        };
        entry.hash = hash_of(&entry);
        self.set_audit_tip((entry.sequence, entry.hash));
        self.run(
            sqlx::query("INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
                .bind(entry.sequence.cast_signed())
                .bind(entry.time_ms.cast_signed())
                .bind(entry.actor)
                .bind(entry.action)
                .bind(entry.subject)
                .bind(entry.detail)
                .bind(entry.previous.to_string())
                .bind(entry.hash.to_string()),
        )
        .await
    }
}

/// SHA-256 over every field but the hash. Each text is preceded by its length.
fn hash_of(entry: &AuditEntry) -> Digest {
    let mut context = Context::new(&SHA256);
    context.update(b"drydock-audit/1");
    context.update(&entry.previous.0);
    context.update(&entry.sequence.to_be_bytes());
    context.update(&entry.time_ms.to_be_bytes());
    for text in [&entry.actor, &entry.action, &entry.subject, &entry.detail] {
        context.update(&(text.len() as u64).to_be_bytes());
        context.update(text.as_bytes());
    }
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    Digest(hash)
}

pub(super) async fn tip(connection: &mut SqliteConnection) -> Result<(u64, Digest), sqlx::Error> {
    let row = sqlx::query("SELECT sequence, hash FROM audit ORDER BY sequence DESC LIMIT 1")
        .fetch_optional(connection)
        .await?;
    Ok(row.map_or((0, Digest([0; 32])), |row| {
        let hash: String = row.get(1);
        (
            row.get::<i64, _>(0).cast_unsigned(),
            hash.parse().unwrap_or(Digest([0; 32])),
        )
    }))
}

fn entry(row: &SqliteRow) -> Result<AuditEntry, StoreError> {
    let digest = |name| {
        row.get::<String, _>(name).parse().map_err(|_| StoreError::Unreadable {
            what: format!("{name} of an audit entry"),
        })
    };
    Ok(AuditEntry {
        sequence: row.get::<i64, _>("sequence").cast_unsigned(),
        time_ms: row.get::<i64, _>("time_ms").cast_unsigned(),
        actor: row.get("actor"),
        action: row.get("action"),
        subject: row.get("subject"),
        detail: row.get("detail"),
        previous: digest("previous")?,
        hash: digest("hash")?,
    })
}
