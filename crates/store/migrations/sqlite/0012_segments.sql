-- Events about what was delivered, some hundred of one day in a row: numbers and times of the first and the last, hashes by which it is
-- known what is in it, and the events, compressed.
CREATE TABLE segments (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    day BIGINT NOT NULL,
    first_id BIGINT NOT NULL,
    last_id BIGINT NOT NULL UNIQUE,
    from_at BIGINT NOT NULL,
    to_at BIGINT NOT NULL,
    number BIGINT NOT NULL,
    entries BLOB NOT NULL,
    hashes BLOB NOT NULL,
    quoted BLOB NOT NULL,
    keys BLOB NOT NULL,
    texts BLOB NOT NULL
);
CREATE INDEX segments_day ON segments (day, last_id);

-- The number of the last event that was looked at.
INSERT INTO state (name, at) VALUES ('packed', 0);
