-- What a platform's operator looks at first, found without a look at all that the platform has: each by an index of its own. Those on tables that may be
-- large and in use follow, each in a migration that keeps nobody waiting.

-- Whose webhook it is that a lane belongs to. It is noted some lanes at a time, by the process that looks through all of them: for lanes that are there, and for
-- those of a release that does not know of it and leaves it out.
ALTER TABLE lanes ADD COLUMN platform TEXT;

CREATE INDEX roll_dues_platform ON roll_dues (platform, due_at, webhook_id);
UPDATE audit_chain SET newest_level = 32;
