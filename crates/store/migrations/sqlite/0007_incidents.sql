-- Incidents: what somebody responds to, what it is about, and what was done about it at the gates.
CREATE TABLE incidents (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    reference TEXT NOT NULL UNIQUE,
    title TEXT NOT NULL,
    state TEXT NOT NULL,
    opened_at BIGINT NOT NULL,
    opened_by TEXT NOT NULL,
    closed_at BIGINT NOT NULL,
    closed_by TEXT NOT NULL,
    conclusion TEXT NOT NULL
);
CREATE INDEX incidents_state ON incidents (state, id);

CREATE TABLE incident_scope (
    incident BIGINT NOT NULL,
    kind TEXT NOT NULL,
    value TEXT NOT NULL,
    at BIGINT NOT NULL,
    who TEXT NOT NULL,
    PRIMARY KEY (incident, kind, value)
);

-- In force until it is undone.
CREATE TABLE incident_acts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    incident BIGINT NOT NULL,
    kind TEXT NOT NULL,
    value TEXT NOT NULL,
    at BIGINT NOT NULL,
    who TEXT NOT NULL,
    undone_at BIGINT NOT NULL,
    undone_by TEXT NOT NULL
);
CREATE INDEX incident_acts_incident ON incident_acts (incident, id);
-- What every process asks for again and again.
CREATE INDEX incident_acts_in_force ON incident_acts (id) WHERE undone_at = 0;

CREATE TABLE incident_notes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    incident BIGINT NOT NULL,
    at BIGINT NOT NULL,
    who TEXT NOT NULL,
    text TEXT NOT NULL
);
CREATE INDEX incident_notes_incident ON incident_notes (incident, id);

-- What anybody says that they saw, until somebody opens an incident for it or dismisses it.
CREATE TABLE incident_reports (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at BIGINT NOT NULL,
    reference TEXT NOT NULL,
    person TEXT NOT NULL,
    client TEXT NOT NULL,
    network TEXT NOT NULL,
    text TEXT NOT NULL,
    state TEXT NOT NULL,
    decided_at BIGINT NOT NULL,
    decided_by TEXT NOT NULL,
    incident TEXT NOT NULL
);
CREATE INDEX incident_reports_state ON incident_reports (state, id);
CREATE INDEX incident_reports_network ON incident_reports (network, at);

-- What came from one host of a registered domain.
CREATE INDEX events_host ON events (host, id);
