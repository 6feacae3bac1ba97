-- What every room but the gates tells, an event a row: the envelope in columns, the body as JSON. What the gates tell is in `events`.
CREATE TABLE journal (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at BIGINT NOT NULL,
    reference TEXT NOT NULL UNIQUE,
    room TEXT NOT NULL,
    kind TEXT NOT NULL,
    person TEXT NOT NULL,
    client TEXT NOT NULL,
    body TEXT NOT NULL
);
INSERT INTO journal (id, at, reference, room, kind, person, client, body)
    SELECT id, at, 'AUDIT-' || id, 'console', 'administration', who, '', json_object('act', what, 'detail', detail) FROM audit;
DROP TABLE audit;
CREATE INDEX journal_at ON journal (at);
CREATE INDEX journal_person ON journal (person, id);

-- Who is told of everything, and how far they were: the numbers of the last event and the last row of the journal that they have.
-- One process at a time tells them.
CREATE TABLE subscribers (
    name TEXT PRIMARY KEY,
    event BIGINT NOT NULL,
    entry BIGINT NOT NULL,
    holder TEXT NOT NULL,
    held_until BIGINT NOT NULL
);
