-- That this database was put back from a backup: until somebody has said what is missing since, nothing may be written in its journal.
CREATE TABLE restored_backup (
    id BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    backup {TEXT} NOT NULL,
    made_at BIGINT NOT NULL,
    restored_at BIGINT NOT NULL
);
