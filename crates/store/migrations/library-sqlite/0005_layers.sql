-- Layers of the ATT&CK Navigator that somebody keeps here, by name, with every version of each. Documents are in the newest form.
CREATE TABLE attack_layers (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    domain TEXT NOT NULL,
    revision BIGINT NOT NULL,
    author TEXT NOT NULL,
    changed_by TEXT NOT NULL,
    changed_at BIGINT NOT NULL,
    document TEXT NOT NULL
);
CREATE TABLE attack_layer_versions (
    layer BIGINT NOT NULL REFERENCES attack_layers (id),
    revision BIGINT NOT NULL,
    at BIGINT NOT NULL,
    who TEXT NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (layer, revision)
);
