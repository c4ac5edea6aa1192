-- Instants are milliseconds since the Unix epoch. What is sealed is binary and says so in its comment.

CREATE TABLE webhooks (
    id TEXT NOT NULL PRIMARY KEY,
    platform TEXT NOT NULL,
    name TEXT,
    reference TEXT,
    active BOOLEAN NOT NULL,
    include_previous_data BOOLEAN NOT NULL,
    authentication_type TEXT NOT NULL,
    username TEXT,
    password BLOB,                 -- sealed
    api_header_field TEXT,
    api_key BLOB,                  -- sealed
    url TEXT,
    included_actions TEXT,         -- a JSON list
    excluded_actions TEXT,         -- a JSON list
    signing_protocol TEXT NOT NULL,
    key_ring BLOB NOT NULL,        -- JSON; each key in it sealed
    next_key_expiry BIGINT,        -- when the sweep has something to erase
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    version BIGINT NOT NULL
);

CREATE UNIQUE INDEX webhooks_reference ON webhooks (platform, reference) WHERE reference IS NOT NULL;
CREATE INDEX webhooks_platform ON webhooks (platform, id);
CREATE INDEX webhooks_next_key_expiry ON webhooks (next_key_expiry) WHERE next_key_expiry IS NOT NULL;

CREATE TABLE audit_records (
    position INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL,
    platform TEXT NOT NULL,
    at BIGINT NOT NULL,
    credential TEXT NOT NULL,
    request_id TEXT NOT NULL,
    action TEXT NOT NULL,
    resource_id TEXT NOT NULL,
    details TEXT NOT NULL          -- JSON
);

CREATE INDEX audit_records_resource ON audit_records (resource_id, position);

CREATE TABLE idempotent_answers (
    slot BLOB NOT NULL PRIMARY KEY, -- SHA-256 of platform, credential and key
    fingerprint BLOB NOT NULL,      -- SHA-256 of the request
    answer BLOB NOT NULL,           -- sealed
    stored_at BIGINT NOT NULL
);

CREATE INDEX idempotent_answers_stored_at ON idempotent_answers (stored_at);

CREATE TABLE api_keys (
    id TEXT NOT NULL PRIMARY KEY,
    scope TEXT NOT NULL,            -- a platform, or *
    permissions TEXT NOT NULL,      -- names, separated by spaces
    digest BLOB NOT NULL,           -- SHA-256 of the key's text
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT
) WITHOUT ROWID;

CREATE TABLE master_keys (
    id TEXT NOT NULL PRIMARY KEY,   -- tells master keys apart; derived from the key, reveals nothing of it
    proof BLOB NOT NULL             -- sealed under the key: opens only with the right one
) WITHOUT ROWID;
