-- +goose Up

ALTER TABLE fields ADD COLUMN deleted_at BIGINT;   -- values are kept until the field is purged

-- A status that is being emptied: its leads already count as being in this one.
ALTER TABLE statuses ADD COLUMN moved_to UUID REFERENCES statuses (id);

-- Work on all leads of an entity that goes on beside requests, slice by slice.
CREATE TABLE entity_tasks (
    id          UUID PRIMARY KEY,
    account_id  UUID NOT NULL REFERENCES accounts (id),
    entity_id   UUID NOT NULL REFERENCES entities (id) ON DELETE CASCADE,
    kind        TEXT COLLATE "C" NOT NULL,                      -- rebuild | purge | move
    object_id   UUID,                               -- the field or status it is about
    target_id   UUID,                               -- move: the status that takes the leads
    state       TEXT COLLATE "C" NOT NULL,                      -- waiting | running | done | failed
    done        BIGINT NOT NULL DEFAULT 0,         -- leads
    total       BIGINT NOT NULL DEFAULT 0,         -- leads; 0 until it is known
    place       TEXT COLLATE "C" NOT NULL DEFAULT '',           -- where the next slice begins
    problem     TEXT COLLATE "C" NOT NULL DEFAULT '',
    lease_until BIGINT NOT NULL DEFAULT 0,         -- a node works on it until then
    created_at  BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL
);
CREATE INDEX entity_tasks_by_entity ON entity_tasks (account_id, entity_id, created_at);
CREATE INDEX entity_tasks_open ON entity_tasks (lease_until) WHERE state IN ('waiting', 'running');

ALTER TABLE leads ADD COLUMN sealed TEXT COLLATE "C" NOT NULL DEFAULT '{}';  -- JSON: {"<field id>": "<base64 of nonce and ciphertext>"}
ALTER TABLE leads ADD COLUMN search TEXT COLLATE "C" NOT NULL DEFAULT '';    -- folded texts of the lead, a line each
CREATE INDEX leads_changed ON leads (environment_id, entity_id, updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX leads_trash ON leads (environment_id, deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX leads_by_assignee ON leads (environment_id, assignee_id) WHERE assignee_id IS NOT NULL;

CREATE INDEX lead_statuses_by_status ON lead_statuses (environment_id, status_id, lead_id);

-- Values of indexed fields and match keys of leads that are not in the trash. sort_key
-- keeps the order of the values (entity.Field.Keys); of an encrypted field it is a
-- keyed hash that only equality can be asked of.
CREATE TABLE lead_values (
    environment_id UUID NOT NULL,
    field_id       UUID NOT NULL,
    sort_key       BYTEA NOT NULL,
    lead_id        UUID NOT NULL,
    PRIMARY KEY (environment_id, field_id, sort_key, lead_id)
);

CREATE TABLE lead_viewers (
    environment_id UUID NOT NULL,
    lead_id        UUID NOT NULL,
    person_id      UUID NOT NULL REFERENCES people (id),
    PRIMARY KEY (environment_id, lead_id, person_id),
    FOREIGN KEY (environment_id, lead_id) REFERENCES leads (environment_id, id) ON DELETE CASCADE
);
CREATE INDEX lead_viewers_by_person ON lead_viewers (environment_id, person_id, lead_id);

-- What an event is about stands in a column of its own: to find it in the JSON would
-- cost every insert more than the rest of its row.
ALTER TABLE events ADD COLUMN subject_id UUID;
UPDATE events SET subject_id = (data ->> 'lead_id')::uuid;
DROP INDEX events_by_lead;
CREATE INDEX events_by_subject ON events (environment_id, subject_id, tx, seq) WHERE subject_id IS NOT NULL;

-- What was sent for fields of the type file. The lead's data holds name, size and type.
CREATE TABLE lead_files (
    environment_id UUID NOT NULL,
    lead_id        UUID NOT NULL,
    id             UUID NOT NULL,
    field_id       UUID NOT NULL,
    content        BYTEA NOT NULL,
    PRIMARY KEY (environment_id, lead_id, id),
    FOREIGN KEY (environment_id, lead_id) REFERENCES leads (environment_id, id) ON DELETE CASCADE
);

-- Leads that were there before have no row in lead_values and no search text yet.
INSERT INTO entity_tasks (id, account_id, entity_id, kind, state, created_at, updated_at)
    SELECT id, account_id, id, 'rebuild', 'waiting', created_at, created_at FROM entities;

-- Answers for Idempotency-Key are kept encrypted from here on; older ones cannot be read.
DELETE FROM idempotency;
