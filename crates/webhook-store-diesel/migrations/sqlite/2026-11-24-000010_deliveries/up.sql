-- What was published. What the publisher said is JSON, kept byte for byte.
CREATE TABLE events (
    id TEXT NOT NULL PRIMARY KEY,
    platform TEXT NOT NULL,
    action TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    original_request_id TEXT,
    data BLOB NOT NULL,
    previous_data BLOB
);

CREATE INDEX events_created_at ON events (created_at, id);

-- An event on its way to a webhook. Its position is its place in the order of all deliveries.
CREATE TABLE deliveries (
    position INTEGER NOT NULL PRIMARY KEY,
    id TEXT NOT NULL,
    event_id TEXT NOT NULL,
    webhook_id TEXT NOT NULL,
    platform TEXT NOT NULL,
    action TEXT NOT NULL,
    include_previous_data BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    status TEXT NOT NULL,
    ended_at BIGINT,
    attempts TEXT NOT NULL          -- a JSON object on each line
);

CREATE UNIQUE INDEX deliveries_id ON deliveries (id);
-- No index has the status: a delivery that ends would write to all of them.
CREATE INDEX deliveries_lane ON deliveries (webhook_id, position);
CREATE INDEX deliveries_event ON deliveries (event_id);
CREATE INDEX deliveries_platform ON deliveries (platform, position);

-- One row: the position of the newest delivery. Whoever publishes locks it until what was published is there to be seen.
CREATE TABLE delivery_head (
    id BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    position BIGINT NOT NULL
);

INSERT INTO delivery_head VALUES (1, 0);

-- The queue of a webhook: who works at it, how far it is done, and what holds it up.
CREATE TABLE lanes (
    webhook_id TEXT NOT NULL PRIMARY KEY,
    owner TEXT NOT NULL,            -- a process; empty for none
    done BIGINT NOT NULL,           -- all deliveries up to this position have come to their end
    penalty_box TEXT                -- JSON
);

CREATE INDEX lanes_owner ON lanes (owner);

-- The server processes, and until when each is taken to live.
CREATE TABLE processes (
    id TEXT NOT NULL PRIMARY KEY,
    alive_until BIGINT NOT NULL
);
