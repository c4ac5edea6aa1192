-- It costs a delivery that succeeds nothing: what it names changes when a lane is held up.
CREATE INDEX IF NOT EXISTS lanes_platform_held_up ON lanes (platform, webhook_id) WHERE penalty_box IS NOT NULL;
