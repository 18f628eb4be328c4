-- +goose Up

CREATE TABLE entities (
    id          UUID PRIMARY KEY,
    account_id  UUID NOT NULL REFERENCES accounts (id),
    slug        TEXT COLLATE "C" NOT NULL,
    name        TEXT COLLATE "C" NOT NULL,
    icon        TEXT COLLATE "C" NOT NULL,
    version     BIGINT NOT NULL,                    -- grows with every change of the definition
    created_at  BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL,
    UNIQUE (account_id, slug)
);

CREATE TABLE fields (
    id          UUID PRIMARY KEY,                   -- for ever: the values of leads are kept under it
    account_id  UUID NOT NULL REFERENCES accounts (id),
    entity_id   UUID NOT NULL REFERENCES entities (id),
    key         TEXT COLLATE "C" NOT NULL,
    label       TEXT COLLATE "C" NOT NULL,
    type        TEXT COLLATE "C" NOT NULL,
    position    BIGINT NOT NULL,
    settings    JSONB NOT NULL,                     -- JSON: required, default, options, limits …
    UNIQUE (entity_id, key)
);

CREATE TABLE pipelines (
    id          UUID PRIMARY KEY,
    account_id  UUID NOT NULL REFERENCES accounts (id),
    entity_id   UUID NOT NULL REFERENCES entities (id),
    slug        TEXT COLLATE "C" NOT NULL,
    name        TEXT COLLATE "C" NOT NULL,
    position    BIGINT NOT NULL,
    UNIQUE (entity_id, slug)
);

CREATE TABLE statuses (
    id          UUID PRIMARY KEY,
    account_id  UUID NOT NULL REFERENCES accounts (id),
    pipeline_id UUID NOT NULL REFERENCES pipelines (id),
    name        TEXT COLLATE "C" NOT NULL,
    color       TEXT COLLATE "C" NOT NULL,
    is_default  BOOLEAN NOT NULL,
    position    BIGINT NOT NULL
);
CREATE INDEX statuses_by_pipeline ON statuses (pipeline_id, position);

-- One row per lead. No reference to environments: the table can be divided by that
-- column, and only a principal of the environment writes to it.
CREATE TABLE leads (
    environment_id  UUID NOT NULL,
    id              UUID NOT NULL,
    entity_id       UUID NOT NULL REFERENCES entities (id),
    version         BIGINT NOT NULL,                -- grows with every change of the lead
    created_at      BIGINT NOT NULL,
    updated_at      BIGINT NOT NULL,
    source          TEXT COLLATE "C" NOT NULL,
    assignee_id     UUID REFERENCES people (id),
    created_by_kind TEXT COLLATE "C" NOT NULL,                  -- as in audit_log.actor_kind
    created_by_id   UUID,
    created_by_name TEXT COLLATE "C" NOT NULL,
    data            JSONB NOT NULL,                 -- JSON: {"<field id>": value}
    unmapped        TEXT COLLATE "C" NOT NULL,                  -- JSON text exactly as it was sent: {"<name>": value}
    deleted_at      BIGINT,                         -- in the trash since
    PRIMARY KEY (environment_id, id)
);
CREATE INDEX leads_newest ON leads (environment_id, entity_id, created_at DESC, id DESC) WHERE deleted_at IS NULL;

CREATE TABLE lead_statuses (
    environment_id UUID NOT NULL,
    lead_id        UUID NOT NULL,
    pipeline_id    UUID NOT NULL,
    status_id      UUID NOT NULL REFERENCES statuses (id),
    since          BIGINT NOT NULL,
    PRIMARY KEY (environment_id, lead_id, pipeline_id),
    FOREIGN KEY (environment_id, lead_id) REFERENCES leads (environment_id, id) ON DELETE CASCADE
);

CREATE TABLE lead_notes (
    environment_id  UUID NOT NULL,
    lead_id         UUID NOT NULL,
    id              UUID NOT NULL,
    position        BIGINT NOT NULL,                -- among the notes of the same moment
    text            TEXT COLLATE "C" NOT NULL,
    tag             TEXT COLLATE "C" NOT NULL,                  -- "" for none
    created_at      BIGINT NOT NULL,
    created_by_kind TEXT COLLATE "C" NOT NULL,
    created_by_id   UUID,
    created_by_name TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (environment_id, lead_id, id),
    FOREIGN KEY (environment_id, lead_id) REFERENCES leads (environment_id, id) ON DELETE CASCADE
);

-- The timeline of one lead is read from the event log.
CREATE INDEX events_by_lead ON events (environment_id, (data ->> 'lead_id'), tx, seq) WHERE (data ->> 'lead_id') IS NOT NULL;
