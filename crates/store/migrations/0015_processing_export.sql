-- How far processing records have been handed on to the organisation's logbook: up to and including this place of this entry,
-- and how many were taken there, and refused.
CREATE TABLE processing_export (
    id BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    position BIGINT NOT NULL,
    place BIGINT NOT NULL,
    taken BIGINT NOT NULL,
    refused BIGINT NOT NULL
);
INSERT INTO processing_export (id, position, place, taken, refused) VALUES (1, 0, 0, 0, 0);
