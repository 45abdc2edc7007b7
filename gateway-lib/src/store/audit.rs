//! The audit trail: each entry carries the hash of the one before, so that a changed or missing entry is found offline.

use super::{Store, Transaction};
use crate::{
    domain::{AuditEntry, Digest},
    error::{AuditError, StoreError},
};
use ring::digest::{Context, SHA256};
use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};

impl Store {
    /// Entries from a position on.
    pub(crate) async fn audit(&self, from: u64, limit: u32) -> Result<Vec<AuditEntry>, StoreError> {
        let mut writer = self.writer.lock().await;
        let rows = sqlx::query("SELECT * FROM audit WHERE sequence >= ? ORDER BY sequence LIMIT ?")
            .bind(from.cast_signed())
            .bind(limit)
            .fetch_all(writer.connection()?)
            .await
            .map_err(|error| self.error(error))?;
        rows.iter().map(entry).collect()
    }

    /// Checks every entry; gives their number.
    pub(crate) async fn verify_audit(&self) -> Result<u64, AuditError> {
        let (mut next, mut previous) = (1, Digest([0; 32]));
        loop {
            let page = self.audit(next, 1_000).await?;
            if page.is_empty() {
                return Ok(next - 1);
            }
            for entry in page {
                let broken = |reason| AuditError::Broken { sequence: next, reason };
                if entry.sequence != next {
                    return Err(broken("an entry is missing"));
                }
                if entry.previous != previous {
                    return Err(broken("it does not follow the entry before"));
                }
                if entry.hash != hash_of(&entry) {
                    return Err(broken("its content does not match its hash"));
                }
                (next, previous) = (next + 1, entry.hash);
            }
        }
    }
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

/// SHA-256 over every field but the hash; texts stand behind their length.
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
