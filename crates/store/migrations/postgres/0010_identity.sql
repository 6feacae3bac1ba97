-- Who signs in through an OpenID Connect provider: their account there. A subject is never given to anybody else (OpenID Connect
-- Core 1.0, 2).
CREATE TABLE provider_accounts (
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    user_id BIGINT NOT NULL UNIQUE,
    at BIGINT NOT NULL,
    PRIMARY KEY (issuer, subject)
);

-- Groups that somebody was in when they last signed in through a provider.
CREATE TABLE memberships (
    user_id BIGINT NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (user_id, name)
);

-- When a session ends at the latest; 0: when any does.
ALTER TABLE sessions ADD COLUMN expires_at BIGINT NOT NULL DEFAULT 0;
