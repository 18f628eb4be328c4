-- +goose Up

-- What is added to the numbers of this server's transactions to make the positions of
-- events. It is 0 until the database moves to another server, which counts anew: then
-- positions go on from where they were.
CREATE TABLE event_positions (
    id    BIGINT NOT NULL UNIQUE CHECK (id = 1),
    ahead BIGINT NOT NULL
);
INSERT INTO event_positions VALUES (1, 0);
