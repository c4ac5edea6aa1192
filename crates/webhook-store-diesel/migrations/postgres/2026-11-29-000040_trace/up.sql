-- The trace that a publication belongs to: the value of its `traceparent`, then a space and that of its `tracestate` if there was one.
ALTER TABLE events ADD COLUMN trace TEXT;
UPDATE audit_chain SET newest_level = 23;
