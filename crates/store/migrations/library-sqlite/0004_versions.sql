-- Betas stand between releases: a place is ten times what it was, with 9 for the release itself and 0 for its beta.
UPDATE attack_releases SET place = place * 10 + 9;
UPDATE attack_spans SET first = first * 10 + 9, last = last * 10 + 9;
-- Versions that a release's bundle holds beside a newer one of the same object (STIX 2.1, 3.6): kept to the byte, and not counted.
CREATE TABLE attack_superseded (
    version BIGINT NOT NULL,
    release BIGINT NOT NULL,
    PRIMARY KEY (version, release)
) WITHOUT ROWID;
