-- +goose Up

-- Texts compare byte by byte, as in SQLite: the order of pages must not depend on the
-- language the database was made with.

CREATE TABLE accounts (
    id              UUID PRIMARY KEY,
    name            TEXT COLLATE "C" NOT NULL,
    slug            TEXT COLLATE "C" NOT NULL UNIQUE,
    exposed_policy  TEXT COLLATE "C" NOT NULL DEFAULT 'mark',   -- mark | revoke
    max_key_days    BIGINT,                         -- longest life of an API key; NULL: any
    created_at      BIGINT NOT NULL
);

CREATE TABLE environments (
    id          UUID PRIMARY KEY,
    account_id  UUID NOT NULL REFERENCES accounts (id),
    name        TEXT COLLATE "C" NOT NULL,
    name_folded TEXT COLLATE "C" NOT NULL,
    slug        TEXT COLLATE "C" NOT NULL,
    kind        TEXT COLLATE "C" NOT NULL,                      -- live | test
    created_at  BIGINT NOT NULL,
    UNIQUE (account_id, slug),
    UNIQUE (account_id, name_folded)
);

CREATE TABLE people (
    id             UUID PRIMARY KEY,
    email          TEXT COLLATE "C" NOT NULL,
    email_folded   TEXT COLLATE "C" NOT NULL UNIQUE,
    name           TEXT COLLATE "C" NOT NULL,
    password_hash  TEXT COLLATE "C",                            -- argon2id, PHC string; NULL until set
    created_at     BIGINT NOT NULL
);

CREATE TABLE memberships (
    account_id   UUID NOT NULL REFERENCES accounts (id),
    person_id    UUID NOT NULL REFERENCES people (id),
    role         TEXT COLLATE "C" NOT NULL,                     -- owner | admin | member
    suspended_at BIGINT,
    created_at   BIGINT NOT NULL,
    PRIMARY KEY (account_id, person_id)
);
CREATE INDEX memberships_by_person ON memberships (person_id);

CREATE TABLE sessions (
    id           UUID PRIMARY KEY,
    token_hash   BYTEA NOT NULL UNIQUE,              -- SHA-256 of the cookie's value
    person_id    UUID NOT NULL REFERENCES people (id),
    created_at   BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL,                  -- absolute limit
    proof_at     BIGINT NOT NULL,                  -- last proof of who it is
    ip           TEXT COLLATE "C" NOT NULL,
    user_agent   TEXT COLLATE "C" NOT NULL
);
CREATE INDEX sessions_by_person ON sessions (person_id);

CREATE TABLE one_time_links (
    token_hash BYTEA PRIMARY KEY,                    -- SHA-256 of the link's token
    purpose    TEXT COLLATE "C" NOT NULL,                       -- setup | reset | invite
    account_id UUID REFERENCES accounts (id),
    person_id  UUID REFERENCES people (id),
    email      TEXT COLLATE "C" NOT NULL DEFAULT '',
    role       TEXT COLLATE "C" NOT NULL DEFAULT '',
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at    BIGINT
);

CREATE TABLE api_keys (
    id                UUID PRIMARY KEY,
    account_id        UUID NOT NULL REFERENCES accounts (id),
    environment_id    UUID NOT NULL REFERENCES environments (id),
    public_id         TEXT COLLATE "C" NOT NULL UNIQUE,         -- the 12 characters after the prefix
    hash              BYTEA NOT NULL,                -- SHA-256 of the whole key
    last4             TEXT COLLATE "C" NOT NULL,
    family_id         UUID NOT NULL,                -- the first key of its chain of rotations
    replaces          UUID REFERENCES api_keys (id),
    name              TEXT COLLATE "C" NOT NULL,
    name_folded       TEXT COLLATE "C" NOT NULL,
    purpose           TEXT COLLATE "C" NOT NULL,
    scopes            TEXT COLLATE "C" NOT NULL,                -- separated by spaces
    ip_allow          TEXT COLLATE "C" NOT NULL,                -- CIDRs, separated by spaces; '' for any address
    origins           TEXT COLLATE "C" NOT NULL,                -- web origins, separated by spaces
    rate_per_minute   BIGINT,                      -- NULL: no limit
    created_by        UUID REFERENCES people (id),  -- NULL: a service account
    created_by_key    UUID REFERENCES api_keys (id),
    created_at        BIGINT NOT NULL,
    updated_at        BIGINT NOT NULL,
    not_before        BIGINT,
    expires_at        BIGINT,
    disabled_at       BIGINT,
    revoked_at        BIGINT,
    revoked_because   TEXT COLLATE "C" NOT NULL DEFAULT '',     -- revoked | rotated | exposed
    exposed_at        BIGINT,
    exposed_where     TEXT COLLATE "C" NOT NULL DEFAULT '',
    first_used_at     BIGINT
);
CREATE INDEX api_keys_by_environment ON api_keys (environment_id, created_at);
CREATE INDEX api_keys_with_origins ON api_keys (environment_id) WHERE origins <> '';
CREATE INDEX api_keys_by_family ON api_keys (family_id);
CREATE UNIQUE INDEX api_keys_replaced_once ON api_keys (replaces) WHERE replaces IS NOT NULL;
CREATE INDEX api_keys_by_parent ON api_keys (created_by_key) WHERE created_by_key IS NOT NULL;

-- The last call of each key, on its own so that it never contends with the key.
CREATE TABLE key_activity (
    key_id         UUID PRIMARY KEY REFERENCES api_keys (id),
    environment_id UUID NOT NULL,
    at             BIGINT NOT NULL,
    ip             TEXT COLLATE "C" NOT NULL,
    method         TEXT COLLATE "C" NOT NULL,
    route          TEXT COLLATE "C" NOT NULL,
    status         BIGINT NOT NULL,
    user_agent     TEXT COLLATE "C" NOT NULL
);

CREATE TABLE key_usage (
    environment_id UUID NOT NULL,
    key_id         UUID NOT NULL REFERENCES api_keys (id),
    hour           BIGINT NOT NULL,                -- hours since 1970-01-01 UTC
    route          TEXT COLLATE "C" NOT NULL,                   -- METHOD /path/{pattern}
    status         BIGINT NOT NULL,
    calls          BIGINT NOT NULL,
    PRIMARY KEY (environment_id, key_id, hour, route, status)
);

CREATE TABLE key_addresses (
    environment_id UUID NOT NULL,
    key_id         UUID NOT NULL REFERENCES api_keys (id),
    day            BIGINT NOT NULL,                -- days since 1970-01-01 UTC
    ip             TEXT COLLATE "C" NOT NULL,
    calls          BIGINT NOT NULL,
    last_at        BIGINT NOT NULL,
    PRIMARY KEY (environment_id, key_id, day, ip)
);

CREATE TABLE key_calls (
    environment_id UUID NOT NULL,
    key_id         UUID NOT NULL REFERENCES api_keys (id),
    at             BIGINT NOT NULL,
    request_id     TEXT COLLATE "C" NOT NULL,
    method         TEXT COLLATE "C" NOT NULL,
    route          TEXT COLLATE "C" NOT NULL,
    status         BIGINT NOT NULL,
    micros         BIGINT NOT NULL,
    ip             TEXT COLLATE "C" NOT NULL,
    user_agent     TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (environment_id, key_id, at, request_id)
);

-- Calls granted to the nodes of one window; PostgreSQL only, where nodes share a limit.
CREATE TABLE rate_windows (
    key_id  UUID NOT NULL,
    seconds BIGINT NOT NULL,                       -- length of the window
    number  BIGINT NOT NULL,                       -- windows since 1970-01-01 UTC
    granted BIGINT NOT NULL,
    PRIMARY KEY (key_id, seconds)
);

CREATE TABLE idempotency (
    environment_id UUID NOT NULL,
    owner          TEXT COLLATE "C" NOT NULL,                   -- the key's rotation family, or a session's person
    route          TEXT COLLATE "C" NOT NULL,
    idempotency_key TEXT COLLATE "C" NOT NULL,
    fingerprint    BYTEA NOT NULL,                   -- SHA-256 of method, path, query, content type, body
    status         BIGINT NOT NULL,
    etag           TEXT COLLATE "C" NOT NULL DEFAULT '',
    body           TEXT COLLATE "C" NOT NULL,
    created_at     BIGINT NOT NULL,
    PRIMARY KEY (environment_id, owner, route, idempotency_key)
);
CREATE INDEX idempotency_by_age ON idempotency (created_at);

-- Shared secrets of the instance, wrapped by the master key.
CREATE TABLE secrets (
    name       TEXT COLLATE "C" PRIMARY KEY,
    wrapped    BYTEA NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE audit_log (
    id             UUID PRIMARY KEY,
    account_id     UUID,
    environment_id UUID,
    at             BIGINT NOT NULL,
    actor_kind     TEXT COLLATE "C" NOT NULL,                   -- person | key | operator | system | stranger
    actor_id       UUID,
    actor_name     TEXT COLLATE "C" NOT NULL,
    ip             TEXT COLLATE "C" NOT NULL,
    user_agent     TEXT COLLATE "C" NOT NULL,
    request_id     TEXT COLLATE "C" NOT NULL,
    action         TEXT COLLATE "C" NOT NULL,
    object_kind    TEXT COLLATE "C" NOT NULL,
    object_id      UUID,
    object_name    TEXT COLLATE "C" NOT NULL,
    changes        JSONB NOT NULL                    -- JSON: {"name": {"from": …, "to": …}}
);
CREATE INDEX audit_log_by_account ON audit_log (account_id, at, id);
CREATE INDEX audit_log_by_object ON audit_log (object_id, at);

-- +goose StatementBegin
CREATE FUNCTION audit_log_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'the audit log is append only'; END $$;
-- +goose StatementEnd
CREATE TRIGGER audit_log_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION audit_log_append_only();

CREATE TABLE events (
    seq            BIGINT GENERATED ALWAYS AS IDENTITY,
    tx             BIGINT NOT NULL,                -- the writing transaction: readers stay behind the oldest one under way
    environment_id UUID NOT NULL,
    type           TEXT COLLATE "C" NOT NULL,
    at             BIGINT NOT NULL,
    actor          JSONB NOT NULL,                   -- JSON
    data           JSONB NOT NULL,                   -- JSON
    PRIMARY KEY (environment_id, tx, seq)
);
