-- Tokens end by themselves; those that are there have 90 days from now.
ALTER TABLE tokens ADD COLUMN expires_at BIGINT NOT NULL DEFAULT 0;
UPDATE tokens SET expires_at = CAST(EXTRACT(EPOCH FROM now()) AS BIGINT) * 1000 + 7776000000;

-- Who asked, where that is known and not only said: nobody decides about what they asked for themselves.
ALTER TABLE requests ADD COLUMN person TEXT NOT NULL DEFAULT '';
