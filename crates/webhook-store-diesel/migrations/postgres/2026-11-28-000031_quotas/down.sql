DROP INDEX api_keys_in_force;
DROP TABLE pending_counts;
