-- Machines at which somebody signed in to use the web proxy: their requests are that person's until then.
CREATE TABLE arrivals (
    client TEXT PRIMARY KEY,
    user_id BIGINT NOT NULL,
    at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL
);
CREATE INDEX arrivals_user ON arrivals (user_id);
