-- Schema 1. Times are milliseconds since the Unix epoch. Never edit a schema that was released: add a migration.
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;

CREATE TABLE devices (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    board TEXT NOT NULL,
    chip_id TEXT NOT NULL,
    state TEXT NOT NULL,
    firmware TEXT NOT NULL,
    last_heard_ms INTEGER,
    session_seq INTEGER NOT NULL,
    boot_count INTEGER NOT NULL,
    reset_reason TEXT,
    last_fault TEXT,
    heap_bytes INTEGER,
    store_bytes INTEGER,
    store_free_bytes INTEGER,
    enrolled_ms INTEGER,
    certificate_serial TEXT,
    certificate_key BLOB
) STRICT;
CREATE UNIQUE INDEX device_chips ON devices (chip_id) WHERE chip_id <> '' AND state <> 'retired';
CREATE UNIQUE INDEX device_names ON devices (name) WHERE state <> 'retired';

CREATE TABLE pairings (
    token_hash BLOB PRIMARY KEY,
    device TEXT NOT NULL,
    chip_id TEXT NOT NULL,
    expires_ms INTEGER NOT NULL,
    used INTEGER NOT NULL,
    again INTEGER NOT NULL
) STRICT;

CREATE TABLE packages (
    id TEXT PRIMARY KEY,
    app TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    signed_ms INTEGER NOT NULL,
    rollback_of TEXT,
    envelope BLOB NOT NULL,
    UNIQUE (app, sequence)
) STRICT;

CREATE TABLE instances (
    device TEXT NOT NULL,
    app TEXT NOT NULL,
    version TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    digest TEXT NOT NULL,
    state TEXT NOT NULL,
    failure TEXT,
    autostart INTEGER NOT NULL,
    uptime_ms INTEGER NOT NULL,
    reported_ms INTEGER NOT NULL,
    PRIMARY KEY (device, app)
) STRICT;

CREATE TABLE wishes (
    device TEXT NOT NULL,
    app TEXT NOT NULL,
    package TEXT,
    run INTEGER NOT NULL,
    start_once INTEGER NOT NULL,
    deployment INTEGER,
    previous_package TEXT,
    previous_run INTEGER NOT NULL,
    PRIMARY KEY (device, app)
) STRICT;

CREATE TABLE deployments (
    id INTEGER PRIMARY KEY,
    package TEXT NOT NULL,
    app TEXT NOT NULL,
    start INTEGER NOT NULL,
    created_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE deployment_targets (
    deployment INTEGER NOT NULL,
    device TEXT NOT NULL,
    status TEXT NOT NULL,
    detail TEXT NOT NULL,
    changed_ms INTEGER NOT NULL,
    PRIMARY KEY (deployment, device)
) STRICT;

CREATE TABLE events (revision INTEGER PRIMARY KEY, time_ms INTEGER NOT NULL, fact TEXT NOT NULL) STRICT;

CREATE TABLE audit (
    sequence INTEGER PRIMARY KEY,
    time_ms INTEGER NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL,
    previous TEXT NOT NULL,
    hash TEXT NOT NULL
) STRICT;
