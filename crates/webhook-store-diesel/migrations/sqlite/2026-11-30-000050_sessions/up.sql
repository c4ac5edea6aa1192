-- Sessions of browsers, each begun with an API key and found by the SHA-256 of its token.
CREATE TABLE sessions (
    digest BLOB NOT NULL PRIMARY KEY,
    api_key_id TEXT NOT NULL,
    api_key_digest BLOB NOT NULL,   -- of the key as it was presented
    began_at BIGINT NOT NULL,
    used_at BIGINT NOT NULL         -- noted once a minute
);
CREATE INDEX sessions_api_key ON sessions (api_key_id, began_at);
UPDATE audit_chain SET newest_level = 30;
