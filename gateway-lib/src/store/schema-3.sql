-- Schema 3: the signed end of the audit trail. It has one row, written with each entry.
CREATE TABLE audit_head (
    id INTEGER PRIMARY KEY CHECK (id = 0),
    sequence INTEGER NOT NULL,
    hash TEXT NOT NULL,
    signature BLOB NOT NULL
) STRICT;
