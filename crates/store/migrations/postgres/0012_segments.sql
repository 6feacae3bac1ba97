-- Events about what was delivered, some hundred of one day in a row: numbers and times of the first and the last, hashes by which it is
-- known what is in it, and the events, compressed.
CREATE TABLE segments (
    id BIGSERIAL PRIMARY KEY,
    day BIGINT NOT NULL,
    first_id BIGINT NOT NULL,
    last_id BIGINT NOT NULL UNIQUE,
    from_at BIGINT NOT NULL,
    to_at BIGINT NOT NULL,
    number BIGINT NOT NULL,
    entries BYTEA NOT NULL,
    hashes BYTEA NOT NULL,
    quoted BYTEA NOT NULL,
    keys BYTEA NOT NULL,
    texts BYTEA NOT NULL
);
-- They are compressed already.
ALTER TABLE segments ALTER COLUMN entries SET STORAGE EXTERNAL, ALTER COLUMN hashes SET STORAGE EXTERNAL,
    ALTER COLUMN quoted SET STORAGE EXTERNAL, ALTER COLUMN keys SET STORAGE EXTERNAL,
    ALTER COLUMN texts SET STORAGE EXTERNAL;
CREATE INDEX segments_day ON segments (day, last_id);

-- The number of the last event that was looked at.
INSERT INTO state (name, at) VALUES ('packed', 0);
