CREATE TABLE attack_takes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    stix_id TEXT NOT NULL,
    feed TEXT NOT NULL,
    domain TEXT NOT NULL,
    title TEXT NOT NULL,
    state TEXT NOT NULL,
    revision BIGINT NOT NULL,
    author TEXT NOT NULL,
    reviewer TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    document TEXT NOT NULL
);
CREATE INDEX attack_takes_object ON attack_takes (stix_id);
CREATE INDEX attack_takes_changed ON attack_takes (changed_at);

CREATE TABLE attack_take_steps (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    take BIGINT NOT NULL REFERENCES attack_takes (id),
    at BIGINT NOT NULL,
    who TEXT NOT NULL,
    what TEXT NOT NULL,
    note TEXT NOT NULL,
    document TEXT NOT NULL
);
CREATE INDEX attack_take_steps_take ON attack_take_steps (take);
