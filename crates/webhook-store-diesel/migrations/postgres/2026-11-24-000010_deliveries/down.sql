DROP TABLE processes;
DROP TABLE lanes;
DROP TABLE delivery_head;
DROP TABLE deliveries;
DROP TABLE events;
