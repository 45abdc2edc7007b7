-- Schema 2: pairings of machines that this Drydock made itself. They hold while pairing is off.
ALTER TABLE pairings ADD COLUMN own INTEGER NOT NULL DEFAULT 0;
