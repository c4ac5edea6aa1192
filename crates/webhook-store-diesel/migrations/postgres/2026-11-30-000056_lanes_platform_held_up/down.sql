DROP INDEX lanes_platform_held_up;
