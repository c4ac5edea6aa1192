-- While there is a row, nothing is delivered, by no process.
CREATE TABLE delivery_pause (
    id BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    since BIGINT NOT NULL,
    reason TEXT NOT NULL
);
