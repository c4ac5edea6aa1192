-- Keys that stop soon and that no receiver was shown to have left behind.
CREATE INDEX CONCURRENTLY key_expiries_platform_unadopted ON key_expiries (platform, expires_at, webhook_id) WHERE NOT is_adopted;
