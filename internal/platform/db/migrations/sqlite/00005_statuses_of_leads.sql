-- +goose Up

-- Statuses and viewers of a lead stand in its row, where they are read with it;
-- lead_statuses and lead_viewers are how leads are found by them.
ALTER TABLE leads ADD COLUMN statuses TEXT NOT NULL DEFAULT '';  -- "<pipeline id> <status id> <since>" of each, separated by commas
ALTER TABLE leads ADD COLUMN viewers TEXT NOT NULL DEFAULT '';   -- ids of people, separated by spaces
UPDATE leads SET
    statuses = COALESCE((SELECT string_agg(CAST(s.pipeline_id AS TEXT) || ' ' || CAST(s.status_id AS TEXT) || ' ' || CAST(s.since AS TEXT), ',')
        FROM lead_statuses s WHERE s.environment_id = leads.environment_id AND s.lead_id = leads.id), ''),
    viewers = COALESCE((SELECT string_agg(CAST(v.person_id AS TEXT), ' ') FROM lead_viewers v WHERE v.environment_id = leads.environment_id AND v.lead_id = leads.id), '');

-- Nothing is referred to: rows come and go with the statuses of leads, in one place, and
-- to delete a status would read the whole table.
CREATE TABLE leads_in_status (
    environment_id TEXT NOT NULL,
    status_id      TEXT NOT NULL,
    lead_id        TEXT NOT NULL,
    PRIMARY KEY (environment_id, status_id, lead_id)
) WITHOUT ROWID;
INSERT INTO leads_in_status (environment_id, status_id, lead_id) SELECT environment_id, status_id, lead_id FROM lead_statuses ORDER BY environment_id, status_id, lead_id;
DROP TABLE lead_statuses;
ALTER TABLE leads_in_status RENAME TO lead_statuses;
