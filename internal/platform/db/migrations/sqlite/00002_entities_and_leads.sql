-- +goose Up

CREATE TABLE entities (
    id          TEXT PRIMARY KEY,
    account_id  TEXT NOT NULL REFERENCES accounts (id),
    slug        TEXT NOT NULL,
    name        TEXT NOT NULL,
    icon        TEXT NOT NULL,
    version     INTEGER NOT NULL,                   -- grows with every change of the definition
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    UNIQUE (account_id, slug)
);

CREATE TABLE fields (
    id          TEXT PRIMARY KEY,                   -- for ever: the values of leads are kept under it
    account_id  TEXT NOT NULL REFERENCES accounts (id),
    entity_id   TEXT NOT NULL REFERENCES entities (id),
    key         TEXT NOT NULL,
    label       TEXT NOT NULL,
    type        TEXT NOT NULL,
    position    INTEGER NOT NULL,
    settings    TEXT NOT NULL,                      -- JSON: required, default, options, limits …
    UNIQUE (entity_id, key)
);

CREATE TABLE pipelines (
    id          TEXT PRIMARY KEY,
    account_id  TEXT NOT NULL REFERENCES accounts (id),
    entity_id   TEXT NOT NULL REFERENCES entities (id),
    slug        TEXT NOT NULL,
    name        TEXT NOT NULL,
    position    INTEGER NOT NULL,
    UNIQUE (entity_id, slug)
);

CREATE TABLE statuses (
    id          TEXT PRIMARY KEY,
    account_id  TEXT NOT NULL REFERENCES accounts (id),
    pipeline_id TEXT NOT NULL REFERENCES pipelines (id),
    name        TEXT NOT NULL,
    color       TEXT NOT NULL,
    is_default  BOOLEAN NOT NULL,                   -- boolean
    position    INTEGER NOT NULL
);
CREATE INDEX statuses_by_pipeline ON statuses (pipeline_id, position);

-- One row per lead. No reference to environments: the table can be divided by that
-- column, and only a principal of the environment writes to it.
CREATE TABLE leads (
    environment_id  TEXT NOT NULL,
    id              TEXT NOT NULL,
    entity_id       TEXT NOT NULL REFERENCES entities (id),
    version         INTEGER NOT NULL,               -- grows with every change of the lead
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL,
    source          TEXT NOT NULL,
    assignee_id     TEXT REFERENCES people (id),
    created_by_kind TEXT NOT NULL,                  -- as in audit_log.actor_kind
    created_by_id   TEXT,
    created_by_name TEXT NOT NULL,
    data            TEXT NOT NULL,                  -- JSON: {"<field id>": value}
    unmapped        TEXT NOT NULL,                  -- JSON text exactly as it was sent: {"<name>": value}
    deleted_at      INTEGER,                        -- in the trash since
    PRIMARY KEY (environment_id, id)
);
CREATE INDEX leads_newest ON leads (environment_id, entity_id, created_at DESC, id DESC) WHERE deleted_at IS NULL;

CREATE TABLE lead_statuses (
    environment_id TEXT NOT NULL,
    lead_id        TEXT NOT NULL,
    pipeline_id    TEXT NOT NULL,
    status_id      TEXT NOT NULL REFERENCES statuses (id),
    since          INTEGER NOT NULL,
    PRIMARY KEY (environment_id, lead_id, pipeline_id),
    FOREIGN KEY (environment_id, lead_id) REFERENCES leads (environment_id, id) ON DELETE CASCADE
) WITHOUT ROWID;

CREATE TABLE lead_notes (
    environment_id  TEXT NOT NULL,
    lead_id         TEXT NOT NULL,
    id              TEXT NOT NULL,
    position        INTEGER NOT NULL,               -- among the notes of the same moment
    text            TEXT NOT NULL,
    tag             TEXT NOT NULL,                  -- "" for none
    created_at      INTEGER NOT NULL,
    created_by_kind TEXT NOT NULL,
    created_by_id   TEXT,
    created_by_name TEXT NOT NULL,
    PRIMARY KEY (environment_id, lead_id, id),
    FOREIGN KEY (environment_id, lead_id) REFERENCES leads (environment_id, id) ON DELETE CASCADE
);

-- The timeline of one lead is read from the event log.
CREATE INDEX events_by_lead ON events (environment_id, (data ->> 'lead_id'), tx, seq) WHERE (data ->> 'lead_id') IS NOT NULL;
