-- One row, so that whoever imports first locks out the others, and whoever keeps something in memory sees that it is old.
CREATE TABLE attack_state (id INTEGER PRIMARY KEY, generation BIGINT NOT NULL);
INSERT INTO attack_state (id, generation) VALUES (1, 0);

CREATE TABLE attack_tracks (
    id INTEGER PRIMARY KEY,
    feed TEXT NOT NULL,
    domain TEXT NOT NULL,
    UNIQUE (feed, domain)
);

CREATE TABLE attack_releases (
    id INTEGER PRIMARY KEY,
    track BIGINT NOT NULL REFERENCES attack_tracks (id),
    name TEXT NOT NULL,
    place BIGINT NOT NULL,
    sha256 TEXT NOT NULL,
    bytes BIGINT NOT NULL,
    bundle TEXT NOT NULL,
    source TEXT NOT NULL,
    imported_at BIGINT NOT NULL,
    objects BIGINT NOT NULL,
    notes TEXT NOT NULL,
    skeleton BLOB NOT NULL,
    versions BLOB NOT NULL,
    UNIQUE (track, name)
);

CREATE TABLE attack_objects (
    id INTEGER PRIMARY KEY,
    stix_id TEXT NOT NULL UNIQUE,
    root BIGINT NOT NULL
);

CREATE TABLE attack_versions (
    id INTEGER PRIMARY KEY,
    object BIGINT NOT NULL REFERENCES attack_objects (id),
    raw BLOB NOT NULL,
    source BLOB NOT NULL,
    canonical BLOB NOT NULL,
    bytes BIGINT NOT NULL,
    attack_id TEXT NOT NULL,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    created TEXT NOT NULL,
    modified TEXT NOT NULL,
    flags BIGINT NOT NULL,
    platforms TEXT NOT NULL,
    tactics TEXT NOT NULL,
    relation TEXT NOT NULL,
    from_object BIGINT NOT NULL,
    to_object BIGINT NOT NULL
);
CREATE INDEX attack_versions_object ON attack_versions (object);
CREATE INDEX attack_versions_attack_id ON attack_versions (attack_id) WHERE attack_id <> '';
CREATE INDEX attack_versions_from ON attack_versions (from_object) WHERE from_object <> 0;
CREATE INDEX attack_versions_to ON attack_versions (to_object) WHERE to_object <> 0;

CREATE TABLE attack_bodies (
    version INTEGER PRIMARY KEY REFERENCES attack_versions (id),
    root BIGINT NOT NULL,
    body BLOB NOT NULL
);

CREATE TABLE attack_members (
    version BIGINT NOT NULL,
    release BIGINT NOT NULL,
    PRIMARY KEY (version, release)
) WITHOUT ROWID;

CREATE TABLE attack_spans (
    object BIGINT NOT NULL,
    track BIGINT NOT NULL,
    first BIGINT NOT NULL,
    last BIGINT NOT NULL,
    PRIMARY KEY (object, track)
) WITHOUT ROWID;
