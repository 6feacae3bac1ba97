-- Hosts whose TLS connections are passed uninspected because an administrator said so in the console, by name.
CREATE TABLE bypasses (
    host TEXT PRIMARY KEY,
    at BIGINT NOT NULL,
    who TEXT NOT NULL
);
