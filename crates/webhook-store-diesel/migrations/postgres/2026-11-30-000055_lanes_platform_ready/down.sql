DROP INDEX lanes_platform_ready;
