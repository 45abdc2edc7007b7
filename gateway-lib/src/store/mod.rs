//! The store: one SQLite database in WAL mode, and its content in memory.
//!
//! There is one writer. A change, its event and its audit entry go into one transaction. The model in memory and the
//! subscribers see them after the commit, in the order of the revisions.

mod audit;
mod events;
mod load;
mod model;
mod open;
mod transaction;

pub(crate) use audit::read_trail;
pub(crate) use events::{EventBus, EventCursor};
pub(crate) use model::{DesiredApp, DeviceRecord, Model, PackageRecord, PairingRecord};
pub(crate) use open::{create_private_dir, file_error};
pub(crate) use transaction::Transaction;

use crate::{clock::Clock, domain::GatewayEvent, error::StoreError, pki::AuditSigner};
use sqlx::SqliteConnection;
use std::{
    path::PathBuf,
    sync::{Arc, OnceLock, RwLock, RwLockReadGuard},
};
use tokio::sync::Mutex;

/// The newest schema that this version knows.
pub(crate) const SCHEMA: u32 = 3;

/// The open store.
pub(crate) struct Store {
    pub(crate) data_dir: PathBuf,
    pub(crate) bus: EventBus,
    clock: Arc<dyn Clock>,
    events_kept: u64,
    model: RwLock<Model>,
    writer: Mutex<Writer>,
    /// Locked as long as the store is open; opening a second gateway on the directory fails.
    lock: std::sync::Mutex<Option<std::fs::File>>,
    /// Signs the end of the audit trail, from before the first change on.
    audit_signer: OnceLock<AuditSigner>,
}

/// What a committed change survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Durability {
    /// The end of this process, at any instant. A power cut may undo the last changes.
    Process,
    /// A power cut, too: the journal is on the disk before the commit returns.
    Power,
}

struct Writer {
    /// `None` once the store is closed: the directory may belong to another gateway by then.
    connection: Option<SqliteConnection>,
    /// How the connection commits now.
    durability: Durability,
    /// Sequence and hash of the last audit entry.
    audit_tip: (u64, crate::domain::Digest),
    /// A caller was dropped during its commit: the model may be behind the database.
    in_doubt: bool,
}

impl Writer {
    fn connection(&mut self) -> Result<&mut SqliteConnection, StoreError> {
        self.connection.as_mut().ok_or(StoreError::Closed)
    }
}

impl Store {
    /// The content at this instant. The lock is held briefly, never over an await.
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Model> {
        self.model.read().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Signs the audit trail with this key from now on.
    pub(crate) fn sign_audit_with(&self, signer: AuditSigner) {
        // It is set once, before the first change.
        let _ = self.audit_signer.set(signer);
    }

    /// Begins a change; waits for the previous one.
    pub(crate) async fn begin(&self) -> Result<Transaction<'_>, StoreError> {
        Transaction::begin(self, Durability::Process).await
    }

    /// Begins a change that a power cut must not undo once somebody was told of it: a security act, a signed sequence, a
    /// desired state.
    pub(crate) async fn begin_durable(&self) -> Result<Transaction<'_>, StoreError> {
        Transaction::begin(self, Durability::Power).await
    }

    /// Releases the directory. Nothing is written afterwards.
    pub(crate) async fn close(&self) {
        let mut writer = self.writer.lock().await;
        if let Some(mut connection) = writer.connection.take() {
            // Writes the journal back into the database; if that fails, the next start does it.
            let checkpoint = sqlx::raw_sql("PRAGMA wal_checkpoint(TRUNCATE)");
            let _ = checkpoint.execute(&mut connection).await;
            // Awaited before the lock is released: a connection that is only dropped closes later on its own thread,
            // and would write the journal back into a database that belongs to another process by then.
            if let Err(error) = sqlx::Connection::close(connection).await {
                tracing::warn!(%error, "the database was not closed cleanly; the next start repairs it");
            }
        }
        drop(writer);
        drop(
            self.lock
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
                .take(),
        );
        self.bus.close();
    }

    /// Milliseconds since the Unix epoch.
    pub(crate) fn unix_ms(&self) -> u64 {
        self.clock.unix_ms()
    }

    /// Events after a revision from the database, at most 512. `None` if some of them are no longer kept.
    pub(crate) async fn events_after(&self, revision: u64) -> Result<Option<Vec<Arc<GatewayEvent>>>, StoreError> {
        let mut writer = self.writer.lock().await;
        events::read_after(writer.connection()?, revision)
            .await
            .map_err(|error| self.error(error))
    }

    /// Reloads the model from the database, after a caller was dropped during its commit.
    async fn catch_up(&self, writer: &mut Writer) -> Result<(), StoreError> {
        let (before, mode) = {
            let model = self.read();
            (model.revision, model.pairing)
        };
        let mut model = load::model(writer.connection()?, mode)
            .await
            .map_err(|error| match error {
                load::LoadError::Database(error) => self.error(error),
                load::LoadError::Unreadable(what) => StoreError::Unreadable { what },
            })?;
        writer.audit_tip = audit::tip(writer.connection()?)
            .await
            .map_err(|error| self.error(error))?;
        let missed = events::read_after(writer.connection()?, before)
            .await
            .map_err(|error| self.error(error))?;
        {
            let mut known = self.model.write().unwrap_or_else(std::sync::PoisonError::into_inner);
            model.keep_asked(&known);
            *known = model;
        }
        self.bus.publish(missed.unwrap_or_default());
        writer.in_doubt = false;
        Ok(())
    }

    /// Directory of the modules, named by their digest.
    pub(crate) fn modules_dir(&self) -> PathBuf {
        self.data_dir.join("modules")
    }

    /// The error of a failed statement, in words for people.
    pub(crate) fn error(&self, error: sqlx::Error) -> StoreError {
        open::database_error(&self.data_dir, error)
    }
}
