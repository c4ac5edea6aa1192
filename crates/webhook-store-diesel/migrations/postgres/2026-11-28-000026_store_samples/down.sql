DROP TABLE store_samples;
