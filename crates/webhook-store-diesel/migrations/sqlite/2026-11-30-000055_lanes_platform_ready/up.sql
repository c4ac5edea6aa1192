-- It costs a delivery that succeeds nothing: what it names changes when a lane begins to have something to do, where lanes_ready changes too.
CREATE INDEX IF NOT EXISTS lanes_platform_ready ON lanes (platform, ready_at, webhook_id) WHERE ready_at IS NOT NULL;
