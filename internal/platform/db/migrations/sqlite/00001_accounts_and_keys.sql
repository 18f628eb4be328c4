-- +goose Up

CREATE TABLE accounts (
    id              TEXT PRIMARY KEY,
    name            TEXT NOT NULL,
    slug            TEXT NOT NULL UNIQUE,
    exposed_policy  TEXT NOT NULL DEFAULT 'mark',   -- mark | revoke
    max_key_days    INTEGER,                        -- longest life of an API key; NULL: any
    created_at      INTEGER NOT NULL
);

CREATE TABLE environments (
    id          TEXT PRIMARY KEY,
    account_id  TEXT NOT NULL REFERENCES accounts (id),
    name        TEXT NOT NULL,
    name_folded TEXT NOT NULL,
    slug        TEXT NOT NULL,
    kind        TEXT NOT NULL,                      -- live | test
    created_at  INTEGER NOT NULL,
    UNIQUE (account_id, slug),
    UNIQUE (account_id, name_folded)
);

CREATE TABLE people (
    id             TEXT PRIMARY KEY,
    email          TEXT NOT NULL,
    email_folded   TEXT NOT NULL UNIQUE,
    name           TEXT NOT NULL,
    password_hash  TEXT,                            -- argon2id, PHC string; NULL until set
    created_at     INTEGER NOT NULL
);

CREATE TABLE memberships (
    account_id   TEXT NOT NULL REFERENCES accounts (id),
    person_id    TEXT NOT NULL REFERENCES people (id),
    role         TEXT NOT NULL,                     -- owner | admin | member
    suspended_at INTEGER,
    created_at   INTEGER NOT NULL,
    PRIMARY KEY (account_id, person_id)
);
CREATE INDEX memberships_by_person ON memberships (person_id);

CREATE TABLE sessions (
    id           TEXT PRIMARY KEY,
    token_hash   BLOB NOT NULL UNIQUE,              -- SHA-256 of the cookie's value
    person_id    TEXT NOT NULL REFERENCES people (id),
    created_at   INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,                  -- absolute limit
    proof_at     INTEGER NOT NULL,                  -- last proof of who it is
    ip           TEXT NOT NULL,
    user_agent   TEXT NOT NULL
);
CREATE INDEX sessions_by_person ON sessions (person_id);

CREATE TABLE one_time_links (
    token_hash BLOB PRIMARY KEY,                    -- SHA-256 of the link's token
    purpose    TEXT NOT NULL,                       -- setup | reset | invite
    account_id TEXT REFERENCES accounts (id),
    person_id  TEXT REFERENCES people (id),
    email      TEXT NOT NULL DEFAULT '',
    role       TEXT NOT NULL DEFAULT '',
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at    INTEGER
);

CREATE TABLE api_keys (
    id                TEXT PRIMARY KEY,
    account_id        TEXT NOT NULL REFERENCES accounts (id),
    environment_id    TEXT NOT NULL REFERENCES environments (id),
    public_id         TEXT NOT NULL UNIQUE,         -- the 12 characters after the prefix
    hash              BLOB NOT NULL,                -- SHA-256 of the whole key
    last4             TEXT NOT NULL,
    family_id         TEXT NOT NULL,                -- the first key of its chain of rotations
    replaces          TEXT REFERENCES api_keys (id),
    name              TEXT NOT NULL,
    name_folded       TEXT NOT NULL,
    purpose           TEXT NOT NULL,
    scopes            TEXT NOT NULL,                -- separated by spaces
    ip_allow          TEXT NOT NULL,                -- CIDRs, separated by spaces; '' for any address
    origins           TEXT NOT NULL,                -- web origins, separated by spaces
    rate_per_minute   INTEGER,                      -- NULL: no limit
    created_by        TEXT REFERENCES people (id),  -- NULL: a service account
    created_by_key    TEXT REFERENCES api_keys (id),
    created_at        INTEGER NOT NULL,
    updated_at        INTEGER NOT NULL,
    not_before        INTEGER,
    expires_at        INTEGER,
    disabled_at       INTEGER,
    revoked_at        INTEGER,
    revoked_because   TEXT NOT NULL DEFAULT '',     -- revoked | rotated | exposed
    exposed_at        INTEGER,
    exposed_where     TEXT NOT NULL DEFAULT '',
    first_used_at     INTEGER
);
CREATE INDEX api_keys_by_environment ON api_keys (environment_id, created_at);
CREATE INDEX api_keys_with_origins ON api_keys (environment_id) WHERE origins <> '';
CREATE INDEX api_keys_by_family ON api_keys (family_id);
CREATE UNIQUE INDEX api_keys_replaced_once ON api_keys (replaces) WHERE replaces IS NOT NULL;
CREATE INDEX api_keys_by_parent ON api_keys (created_by_key) WHERE created_by_key IS NOT NULL;

-- The last call of each key, on its own so that it never contends with the key.
CREATE TABLE key_activity (
    key_id         TEXT PRIMARY KEY REFERENCES api_keys (id),
    environment_id TEXT NOT NULL,
    at             INTEGER NOT NULL,
    ip             TEXT NOT NULL,
    method         TEXT NOT NULL,
    route          TEXT NOT NULL,
    status         INTEGER NOT NULL,
    user_agent     TEXT NOT NULL
);

CREATE TABLE key_usage (
    environment_id TEXT NOT NULL,
    key_id         TEXT NOT NULL REFERENCES api_keys (id),
    hour           INTEGER NOT NULL,                -- hours since 1970-01-01 UTC
    route          TEXT NOT NULL,                   -- METHOD /path/{pattern}
    status         INTEGER NOT NULL,
    calls          INTEGER NOT NULL,
    PRIMARY KEY (environment_id, key_id, hour, route, status)
);

CREATE TABLE key_addresses (
    environment_id TEXT NOT NULL,
    key_id         TEXT NOT NULL REFERENCES api_keys (id),
    day            INTEGER NOT NULL,                -- days since 1970-01-01 UTC
    ip             TEXT NOT NULL,
    calls          INTEGER NOT NULL,
    last_at        INTEGER NOT NULL,
    PRIMARY KEY (environment_id, key_id, day, ip)
);

CREATE TABLE key_calls (
    environment_id TEXT NOT NULL,
    key_id         TEXT NOT NULL REFERENCES api_keys (id),
    at             INTEGER NOT NULL,
    request_id     TEXT NOT NULL,
    method         TEXT NOT NULL,
    route          TEXT NOT NULL,
    status         INTEGER NOT NULL,
    micros         INTEGER NOT NULL,
    ip             TEXT NOT NULL,
    user_agent     TEXT NOT NULL,
    PRIMARY KEY (environment_id, key_id, at, request_id)
);

-- Calls granted to the nodes of one window; PostgreSQL only, where nodes share a limit.
CREATE TABLE rate_windows (
    key_id  TEXT NOT NULL,
    seconds INTEGER NOT NULL,                       -- length of the window
    number  INTEGER NOT NULL,                       -- windows since 1970-01-01 UTC
    granted INTEGER NOT NULL,
    PRIMARY KEY (key_id, seconds)
);

CREATE TABLE idempotency (
    environment_id TEXT NOT NULL,
    owner          TEXT NOT NULL,                   -- the key's rotation family, or a session's person
    route          TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    fingerprint    BLOB NOT NULL,                   -- SHA-256 of method, path, query, content type, body
    status         INTEGER NOT NULL,
    etag           TEXT NOT NULL DEFAULT '',
    body           TEXT NOT NULL,
    created_at     INTEGER NOT NULL,
    PRIMARY KEY (environment_id, owner, route, idempotency_key)
);
CREATE INDEX idempotency_by_age ON idempotency (created_at);

-- Shared secrets of the instance, wrapped by the master key.
CREATE TABLE secrets (
    name       TEXT PRIMARY KEY,
    wrapped    BLOB NOT NULL,
    created_at INTEGER NOT NULL
);

CREATE TABLE audit_log (
    id             TEXT PRIMARY KEY,
    account_id     TEXT,
    environment_id TEXT,
    at             INTEGER NOT NULL,
    actor_kind     TEXT NOT NULL,                   -- person | key | operator | system | stranger
    actor_id       TEXT,
    actor_name     TEXT NOT NULL,
    ip             TEXT NOT NULL,
    user_agent     TEXT NOT NULL,
    request_id     TEXT NOT NULL,
    action         TEXT NOT NULL,
    object_kind    TEXT NOT NULL,
    object_id      TEXT,
    object_name    TEXT NOT NULL,
    changes        TEXT NOT NULL                    -- JSON: {"name": {"from": …, "to": …}}
);
CREATE INDEX audit_log_by_account ON audit_log (account_id, at, id);
CREATE INDEX audit_log_by_object ON audit_log (object_id, at);

-- +goose StatementBegin
CREATE TRIGGER audit_log_no_update BEFORE UPDATE ON audit_log
BEGIN SELECT RAISE(ABORT, 'the audit log is append only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER audit_log_no_delete BEFORE DELETE ON audit_log
BEGIN SELECT RAISE(ABORT, 'the audit log is append only'); END;
-- +goose StatementEnd

CREATE TABLE events (
    seq            INTEGER PRIMARY KEY AUTOINCREMENT,
    tx             INTEGER NOT NULL,                -- 0 on SQLite, whose writer is serial
    environment_id TEXT NOT NULL,
    type           TEXT NOT NULL,
    at             INTEGER NOT NULL,
    actor          TEXT NOT NULL,                   -- JSON
    data           TEXT NOT NULL                    -- JSON
);
CREATE INDEX events_by_environment ON events (environment_id, tx, seq);
