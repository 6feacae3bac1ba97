-- What people changed about policies; each version follows one other, so that nobody overwrites what they have not seen.
CREATE TABLE policy_versions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    base BIGINT NOT NULL UNIQUE,
    at BIGINT NOT NULL,
    who TEXT NOT NULL,
    note TEXT NOT NULL,
    text TEXT NOT NULL
);

-- Bearer tokens of the API; only their hashes.
CREATE TABLE tokens (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id BIGINT NOT NULL,
    name TEXT NOT NULL,
    token TEXT NOT NULL UNIQUE,
    role TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    used_at BIGINT NOT NULL
);
CREATE INDEX tokens_user ON tokens (user_id, id);

-- Codes for when the one-time password is not at hand; only their hashes.
CREATE TABLE recovery_codes (
    user_id BIGINT NOT NULL,
    code TEXT NOT NULL,
    PRIMARY KEY (user_id, code)
);

-- What pages ask for, the newest first.
CREATE INDEX events_stopped ON events (id) WHERE decision IN ('hold', 'block');
CREATE INDEX events_quarantined ON events (id) WHERE content_blob > '';
CREATE INDEX requests_client ON requests (client, at);
