-- +goose Up

-- Used on PostgreSQL only, where positions are made from the numbers of transactions.
CREATE TABLE event_positions (ahead INTEGER NOT NULL);
INSERT INTO event_positions (ahead) VALUES (0);
