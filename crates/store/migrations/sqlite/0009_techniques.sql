-- Techniques of ATT&CK that an event is about: what was found is a sign of them, or the policy that decided names them. Ids are
-- separated by spaces. Of events of older versions nobody knows.
ALTER TABLE events ADD COLUMN techniques TEXT;

-- The same to find events by. What is about a sub-technique is about its technique too.
CREATE TABLE event_techniques (
    technique TEXT NOT NULL,
    event BIGINT NOT NULL REFERENCES events (id) ON DELETE CASCADE,
    PRIMARY KEY (technique, event)
);
CREATE INDEX event_techniques_event ON event_techniques (event);

-- How many events of a day were about a technique or one of its sub-techniques, by gate, decision and the policy that decided.
-- Kept when events are forgotten.
CREATE TABLE technique_tallies (
    technique TEXT NOT NULL,
    day BIGINT NOT NULL,
    gate TEXT NOT NULL,
    decision TEXT NOT NULL,
    policy TEXT NOT NULL,
    number BIGINT NOT NULL,
    PRIMARY KEY (technique, day, gate, decision, policy)
);
