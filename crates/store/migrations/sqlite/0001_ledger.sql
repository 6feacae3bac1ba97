CREATE TABLE events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at BIGINT NOT NULL,
    reference TEXT NOT NULL UNIQUE,
    gate TEXT NOT NULL,
    direction TEXT NOT NULL,
    person TEXT NOT NULL,
    client TEXT NOT NULL,
    host TEXT NOT NULL,
    domain TEXT NOT NULL,
    address TEXT NOT NULL,
    name TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    size BIGINT NOT NULL,
    kind TEXT NOT NULL,
    class TEXT NOT NULL,
    verdict TEXT NOT NULL,
    decision TEXT NOT NULL,
    policy TEXT NOT NULL,
    reason TEXT NOT NULL,
    report TEXT NOT NULL,
    content_blob TEXT NOT NULL,
    codings TEXT NOT NULL
);
CREATE INDEX events_decision ON events (decision, id);
CREATE INDEX events_domain ON events (domain, id);
CREATE INDEX events_sha256 ON events (sha256, id);
CREATE INDEX events_person ON events (person, id);
CREATE INDEX events_content_blob ON events (content_blob, id);

CREATE TABLE tallies (
    day BIGINT NOT NULL,
    topic TEXT NOT NULL,
    entry TEXT NOT NULL,
    number BIGINT NOT NULL,
    PRIMARY KEY (day, topic, entry)
);

CREATE TABLE sites (
    domain TEXT PRIMARY KEY,
    first_seen BIGINT NOT NULL,
    number BIGINT NOT NULL
);

CREATE TABLE requests (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at BIGINT NOT NULL,
    reference TEXT NOT NULL,
    asker TEXT NOT NULL,
    client TEXT NOT NULL,
    reason TEXT NOT NULL,
    state TEXT NOT NULL,
    token TEXT NOT NULL UNIQUE,
    decided_at BIGINT NOT NULL,
    decided_by TEXT NOT NULL,
    answer TEXT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX requests_state ON requests (state, id);
CREATE INDEX requests_reference ON requests (reference, id);

CREATE TABLE users (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    password TEXT NOT NULL,
    totp TEXT NOT NULL,
    totp_used BIGINT NOT NULL,
    role TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    failures BIGINT NOT NULL,
    locked_until BIGINT NOT NULL,
    disabled BIGINT NOT NULL
);

CREATE TABLE sessions (
    token TEXT PRIMARY KEY,
    user_id BIGINT NOT NULL,
    csrf TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL
);

CREATE TABLE audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at BIGINT NOT NULL,
    who TEXT NOT NULL,
    what TEXT NOT NULL,
    detail TEXT NOT NULL
);
