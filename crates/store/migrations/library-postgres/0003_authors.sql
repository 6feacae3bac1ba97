-- Who wrote and who published, as fields: that nobody publishes what they wrote must not hang on the words of a history.
ALTER TABLE attack_take_steps ADD COLUMN wrote BIGINT NOT NULL DEFAULT 0;
ALTER TABLE attack_take_steps ADD COLUMN published BIGINT NOT NULL DEFAULT 0;
UPDATE attack_take_steps SET wrote = 1 WHERE what IN ('begun', 'edited');
UPDATE attack_take_steps SET published = 1 WHERE what = 'published' OR what LIKE 'bound to %';
