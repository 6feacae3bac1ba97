-- What an event was judged by: its origin, and what policies were told about its parts, as JSON. None of events before this step.
ALTER TABLE events ADD COLUMN judged TEXT;

-- What the page of events can be narrowed to.
CREATE INDEX events_at ON events (at);
CREATE INDEX events_kind ON events (kind, id);
CREATE INDEX events_client ON events (client, id);
CREATE INDEX events_gate ON events (gate, id);
