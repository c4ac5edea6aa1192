-- The row that each process writes once a second to find out whether writing works. The filler makes the write as large as that
-- of a request where the disk is nearly full, and is empty otherwise.
CREATE TABLE store_samples (
    id BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    count BIGINT NOT NULL,
    filler BYTEA NOT NULL
);

INSERT INTO store_samples (id, count, filler) VALUES (1, 0, '');
