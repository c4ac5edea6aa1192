-- Events of the service itself that tell of what befell a queue: put here by the transaction in which it befell it, and published by a
-- later one. They have the columns of `events`.
CREATE TABLE untold_events (
    id TEXT NOT NULL PRIMARY KEY,
    platform TEXT NOT NULL,
    action TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    original_request_id TEXT,
    data BLOB NOT NULL,
    previous_data BLOB,
    trace TEXT
);
UPDATE audit_chain SET newest_level = 26;
