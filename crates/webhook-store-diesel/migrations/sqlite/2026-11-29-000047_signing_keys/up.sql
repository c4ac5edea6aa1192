-- Every signing key that a webhook has or had, by its fingerprint: so that a key that was found where it should not be is found here, whatever
-- became of its webhook. A row is written with the key, and its end when the key goes; it stays as audit records do. No key is in it.
CREATE TABLE signing_keys (
    platform TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    webhook_id TEXT NOT NULL,
    protocol TEXT,          -- not known of keys that were made before this table
    made_at BIGINT,         -- none if another release made it
    ended_at BIGINT,        -- none while it is in its webhook's ring, and for keys that ended before this table
    last_position BIGINT,   -- no delivery behind it was signed with it; set when it ends
    PRIMARY KEY (platform, fingerprint, webhook_id)
);
-- The ends, for what is cleared away when a key's deliveries are forgotten.
CREATE INDEX signing_keys_ended ON signing_keys (ended_at) WHERE ended_at IS NOT NULL;

-- Those of before are in the audit records.
INSERT INTO signing_keys (platform, fingerprint, webhook_id, made_at)
    SELECT platform, key, resource_id, min(at)
    FROM (
        SELECT platform, resource_id, at, json_extract(details, '$.current_key') AS key FROM audit_records WHERE action LIKE 'WEBHOOK.%'
        UNION ALL
        SELECT platform, resource_id, at, json_extract(retired.value, '$.fingerprint')
            FROM audit_records, json_each(details, '$.retired_keys') AS retired WHERE action LIKE 'WEBHOOK.%'
        UNION ALL
        SELECT platform, resource_id, at, ended.value
            FROM audit_records, json_each(details, '$.ended_keys') AS ended WHERE action LIKE 'WEBHOOK.%'
    ) AS named
    WHERE key IS NOT NULL
    GROUP BY 1, 2, 3;
UPDATE audit_chain SET newest_level = 27;
