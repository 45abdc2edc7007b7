//! Opening a data directory: lock, schema, migration with a backup.

use super::{Durability, EventBus, SCHEMA, Store, Writer, load};
use crate::{
    config::GatewayConfig,
    error::{OpenError, StoreError},
};
use sqlx::{
    ConnectOptions, Connection, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};
use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    path::Path,
    sync::{OnceLock, RwLock},
    time::Duration,
};
use tokio::sync::Mutex;

/// Steps from each schema to the next: `MIGRATIONS[n]` makes `n + 1` of `n`.
const MIGRATIONS: [&str; SCHEMA as usize] = [
    include_str!("schema.sql"),
    include_str!("schema-2.sql"),
    include_str!("schema-3.sql"),
];

/// SQLite's primary result codes for a full disk, for an I/O error of the system, and for a read-only database
/// (<https://sqlite.org/rescode.html>).
const SQLITE_FULL: i32 = 13;
const SQLITE_IOERR: i32 = 10;
const SQLITE_READONLY: i32 = 8;
const SQLITE_CANTOPEN: i32 = 14;

impl Store {
    /// Opens the store of a data directory; creates it at the first start.
    pub(crate) async fn open(config: &GatewayConfig) -> Result<Self, OpenError> {
        let data_dir = &config.data_dir;
        let file_error = |source| file_error(data_dir, source);
        create_private_dir(data_dir).map_err(file_error)?;
        create_private_dir(&data_dir.join("modules")).map_err(file_error)?;
        let lock = lock(data_dir)?;
        let mut connection = connect(data_dir, &config.data_dir.join("gateway.db")).await?;
        let failed = |error| OpenError::Store(database_error(data_dir, error));
        let model = load::model(&mut connection, config.pairing)
            .await
            .map_err(|error| match error {
                load::LoadError::Database(error) => failed(error),
                load::LoadError::Unreadable(what) => StoreError::Unreadable { what }.into(),
            })?;
        let audit_tip = super::audit::tip(&mut connection).await.map_err(failed)?;
        Ok(Self {
            data_dir: data_dir.clone(),
            bus: EventBus::new(model.revision),
            clock: config.clock.clone(),
            events_kept: config.limits.events_kept,
            model: RwLock::new(model),
            writer: Mutex::new(Writer {
                connection: Some(connection),
                durability: Durability::Process,
                audit_tip,
                in_doubt: false,
            }),
            lock: std::sync::Mutex::new(Some(lock)),
            audit_signer: OnceLock::new(),
        })
    }
}

/// Creates a directory and its missing parents, accessible to the user alone.
pub(crate) fn create_private_dir(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

pub(super) fn database_error(data_dir: &Path, error: sqlx::Error) -> StoreError {
    let path = data_dir.to_owned();
    let primary = match &error {
        sqlx::Error::Database(database) => database
            .code()
            .and_then(|code| code.parse::<i32>().ok())
            .map_or(0, |code| code & 0xff),
        sqlx::Error::Io(io) if is_full(io) => SQLITE_FULL,
        sqlx::Error::Io(_) => SQLITE_IOERR,
        _ => 0,
    };
    match primary {
        SQLITE_FULL => StoreError::DiskFull { path },
        SQLITE_IOERR => StoreError::DiskFailed { path, source: error },
        SQLITE_READONLY | SQLITE_CANTOPEN => StoreError::NotWritable { path },
        _ => StoreError::Database(error),
    }
}

pub(crate) fn file_error(path: &Path, source: io::Error) -> StoreError {
    let path = path.to_owned();
    match source.kind() {
        _ if is_full(&source) => StoreError::DiskFull { path },
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => StoreError::NotWritable { path },
        _ => StoreError::File { path, source },
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    )
}

fn lock(data_dir: &Path) -> Result<File, OpenError> {
    let path = data_dir.join("gateway.lock");
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(|source| file_error(&path, source))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse {
            path: data_dir.to_owned(),
        }),
        Err(TryLockError::Error(source)) => Err(file_error(&path, source).into()),
    }
}

async fn connect(data_dir: &Path, path: &Path) -> Result<SqliteConnection, OpenError> {
    let failed = |error| OpenError::Store(database_error(data_dir, error));
    if path.exists() {
        // Opened read-only first: a newer store must stay untouched, including its journal mode.
        let mut connection = SqliteConnectOptions::new()
            .filename(path)
            .read_only(true)
            .disable_statement_logging()
            .connect()
            .await
            .map_err(failed)?;
        let found = schema(&mut connection).await.map_err(failed)?;
        connection.close().await.map_err(failed)?;
        if found > SCHEMA {
            return Err(OpenError::NewerSchema {
                path: path.to_owned(),
                found,
                known: SCHEMA,
            });
        }
    }
    let mut connection = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
        .busy_timeout(Duration::from_secs(5))
        .disable_statement_logging()
        .connect()
        .await
        .map_err(failed)?;
    let found = schema(&mut connection).await.map_err(failed)?;
    if found > 0 && found < SCHEMA {
        let backup = path.with_extension(format!("schema-{found}.backup.db"));
        if backup.exists() {
            fs::remove_file(&backup).map_err(|source| file_error(&backup, source))?;
        }
        sqlx::query("VACUUM INTO ?")
            .bind(backup.to_string_lossy().into_owned())
            .execute(&mut connection)
            .await
            .map_err(failed)?;
    }
    for (step, sql) in MIGRATIONS.iter().enumerate().skip(found as usize) {
        let mut transaction = connection.begin().await.map_err(failed)?;
        sqlx::raw_sql(*sql).execute(&mut *transaction).await.map_err(failed)?;
        // A pragma takes no bound parameters; the number is a constant.
        let pragma = format!("PRAGMA user_version = {}", step + 1);
        sqlx::raw_sql(sqlx::AssertSqlSafe(pragma))
            .execute(&mut *transaction)
            .await
            .map_err(failed)?;
        transaction.commit().await.map_err(failed)?;
    }
    Ok(connection)
}

async fn schema(connection: &mut SqliteConnection) -> Result<u32, sqlx::Error> {
    sqlx::query_scalar("PRAGMA user_version").fetch_one(connection).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_durable_change_is_on_the_disk_before_it_is_answered() {
        let directory = tempfile::tempdir().expect("a directory");
        let store = Store::open(&GatewayConfig::new(directory.path()))
            .await
            .expect("a store");
        // SQLite's numbers: 1 is NORMAL, which syncs the journal now and then, and 2 is FULL, which syncs it with each commit.
        for expected in [2, 1, 2] {
            let tx = match expected {
                2 => store.begin_durable().await,
                _ => store.begin().await,
            };
            tx.expect("a transaction").commit().await.expect("it commits");
            let mut writer = store.writer.lock().await;
            let connection = writer.connection().expect("an open store");
            let synchronous: u32 = sqlx::query_scalar("PRAGMA synchronous")
                .fetch_one(connection)
                .await
                .expect("a number");
            assert_eq!(synchronous, expected);
        }
    }

    #[tokio::test]
    async fn a_full_disk_is_named() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("small.db");
        let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
        let mut connection = options.connect().await.expect("a database");
        // SQLite reports the limit of a file's size as a full disk.
        let fill = "PRAGMA max_page_count = 3; CREATE TABLE t (x); INSERT INTO t VALUES (zeroblob(100000))";
        let error = sqlx::raw_sql(fill)
            .execute(&mut connection)
            .await
            .expect_err("it does not fit");
        let error = database_error(directory.path(), error);
        assert!(matches!(error, StoreError::DiskFull { .. }), "{error:?}");
        let full = io::Error::from(io::ErrorKind::StorageFull);
        assert!(matches!(file_error(&path, full), StoreError::DiskFull { .. }));
    }
}
