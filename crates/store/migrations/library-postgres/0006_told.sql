-- The revision of a take of which an event says that a release made it stale; 0 for none.
ALTER TABLE attack_takes ADD COLUMN told BIGINT NOT NULL DEFAULT 0;
