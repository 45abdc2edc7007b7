//! The audit trail: each entry carries the hash of the one before, so that a changed or missing entry is found offline. The
//! gateway's key signs the last one, so that a tail that is cut off, and a trail that is hashed anew, are found too.

use super::{Store, Transaction};
use crate::{
    domain::{AuditEntry, AuditHead, AuditTip, Digest},
    error::{AuditError, StoreError},
    pki::AuditVerifier,
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

    /// What speaks against the end of the trail as it was found, in a sentence. The next entry is signed with all before it, so
    /// that this is asked before anything is added.
    pub(crate) async fn audit_doubt(&self) -> Result<Option<String>, StoreError> {
        let Some(signer) = self.audit_signer.get() else {
            return Ok(None);
        };
        let mut writer = self.writer.lock().await;
        let (entries, tip) = writer.audit_tip;
        let head = head(writer.connection()?).await.map_err(|error| self.error(error))?;
        let checked = AuditChain { entries, tip }.check_end(head, signer.verifier());
        Ok(checked.err().map(|error| error.to_string()))
    }

    /// Checks every entry, and the signature of the last one; gives their number.
    pub(crate) async fn verify_audit(&self) -> Result<u64, AuditError> {
        let mut chain = AuditChain::default();
        loop {
            let mut writer = self.writer.lock().await;
            let connection = writer.connection()?;
            let failed = |error| self.error(error);
            let rows = page(connection, chain.entries + 1, PAGE).await.map_err(failed)?;
            if rows.is_empty() {
                let head = head(connection).await.map_err(failed)?;
                if let Some(signer) = self.audit_signer.get() {
                    chain.check_end(head, signer.verifier())?;
                }
                return Ok(chain.entries);
            }
            for row in &rows {
                chain.take(&entry(row)?)?;
            }
        }
    }
}

/// The first schema with a signed head.
const HEAD_SCHEMA: u32 = 3;
/// Entries that are read at once.
const PAGE: u32 = 1_000;

/// Reads the whole trail of a data directory, which may be open elsewhere, and passes on each valid entry. The database
/// is only read.
pub(crate) async fn read_trail(
    data_dir: &Path,
    expected: Option<AuditHead>,
    mut each: impl FnMut(AuditEntry),
) -> Result<AuditTip, AuditError> {
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
    // The entries and the head of one instant.
    let mut snapshot = connection.begin().await.map_err(failed)?;
    let mut chain = AuditChain::default();
    loop {
        let rows = page(&mut snapshot, chain.entries + 1, PAGE).await.map_err(failed)?;
        if rows.is_empty() {
            break;
        }
        for row in &rows {
            let entry = entry(row)?;
            chain.take(&entry)?;
            check_expected(expected, &entry)?;
            each(entry);
        }
    }
    let keys = data_dir.join("pki");
    let verifier = AuditVerifier::read(&keys).map_err(|reason| AuditError::NoKey { path: keys, reason })?;
    chain.check_end(head(&mut snapshot).await.map_err(failed)?, &verifier)?;
    snapshot.rollback().await.map_err(failed)?;
    connection.close().await.map_err(failed)?;
    if let Some(expected) = expected.filter(|expected| expected.entries > chain.entries) {
        let (entries, expected) = (chain.entries, expected.entries);
        let reason =
            format!("it has {entries} entries, and the head is that of entry {expected}; later ones were cut off");
        return Err(AuditError::Unexpected { reason });
    }
    Ok(AuditTip {
        entries: chain.entries,
        hash: chain.tip,
        signed_by: verifier.pin,
    })
}

/// Whether an entry is the one of the expected head, if it has its number.
fn check_expected(expected: Option<AuditHead>, entry: &AuditEntry) -> Result<(), AuditError> {
    match expected {
        Some(expected) if expected.entries == entry.sequence && expected.hash != entry.hash => {
            let reason = format!(
                "entry {} has another hash; it, or one before it, was rewritten",
                entry.sequence
            );
            Err(AuditError::Unexpected { reason })
        }
        _ => Ok(()),
    }
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

    /// Whether the trail ends where the gateway signed its end.
    fn check_end(&self, head: Option<SignedHead>, verifier: &AuditVerifier) -> Result<(), AuditError> {
        let entries = self.entries;
        let wrong = |reason: String| Err(AuditError::End { entries, reason });
        let Some(head) = head else {
            return match entries {
                0 => Ok(()),
                _ => wrong(
                    "its end is not signed: an earlier Drydock wrote it, or somebody removed the signature".to_owned(),
                ),
            };
        };
        if !verifier.is_signed(head.entries, &head.hash, &head.signature) {
            return wrong("the signature of its end is not the gateway's".to_owned());
        }
        if head.entries != entries {
            return wrong(format!("the gateway signed {} entries", head.entries));
        }
        if head.hash != self.tip {
            return wrong("the gateway signed another entry there".to_owned());
        }
        Ok(())
    }
}

/// The end of the trail as the gateway signed it.
struct SignedHead {
    entries: u64,
    hash: Digest,
    signature: Vec<u8>,
}

/// The signed end; `None` also in a database of a version that did not sign.
async fn head(connection: &mut SqliteConnection) -> Result<Option<SignedHead>, sqlx::Error> {
    let schema: u32 = sqlx::query_scalar("PRAGMA user_version")
        .fetch_one(&mut *connection)
        .await?;
    if schema < HEAD_SCHEMA {
        return Ok(None);
    }
    let row = sqlx::query("SELECT sequence, hash, signature FROM audit_head")
        .fetch_optional(connection)
        .await?;
    Ok(row.map(|row| SignedHead {
        entries: row.get::<i64, _>(0).cast_unsigned(),
        // What is no hash is not the signed one either.
        hash: row.get::<String, _>(1).parse().unwrap_or(Digest([0; 32])),
        signature: row.get(2),
    }))
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

impl Transaction<'_> {
    /// Signs the end of the trail.
    pub(super) async fn sign_audit_head(&mut self) -> Result<(), StoreError> {
        let (entries, hash) = self.audit_tip();
        let Some(signature) = self.audit_signature(entries, &hash)? else {
            return Ok(());
        };
        self.run(
            sqlx::query("INSERT OR REPLACE INTO audit_head VALUES (0, ?, ?, ?)")
                .bind(entries.cast_signed())
                .bind(hash.to_string())
                .bind(signature),
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
