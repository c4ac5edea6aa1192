DROP TABLE key_counts;
