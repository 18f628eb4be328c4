-- +goose Up

-- Used on PostgreSQL only, where positions are made from the numbers of transactions.
CREATE TABLE event_positions (
    id    INTEGER NOT NULL UNIQUE CHECK (id = 1),
    ahead INTEGER NOT NULL
);
INSERT INTO event_positions VALUES (1, 0);
