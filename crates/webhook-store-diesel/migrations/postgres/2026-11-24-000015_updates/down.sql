DROP TABLE webhook_updates;
