-- Secrets of links by which the first administrator is made, whichever process printed them; only their hashes.
CREATE TABLE setup_links (
    token TEXT PRIMARY KEY,
    expires_at BIGINT NOT NULL
);

-- What processes at one ledger hold on to, a row each.
CREATE TABLE state (
    name TEXT PRIMARY KEY,
    at BIGINT NOT NULL
);
INSERT INTO state (name, at) VALUES ('setup', 0), ('written', 0);

-- Which event was the newest at some time: what is older than the time has a smaller number, whatever its own clock said.
CREATE TABLE marks (
    at BIGINT PRIMARY KEY,
    event BIGINT NOT NULL
);
