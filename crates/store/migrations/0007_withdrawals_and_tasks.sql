-- What this participant has withdrawn: grounds, assessments, provisions of law, each with what was said of it. Nothing new may
-- rest on it.
CREATE TABLE withdrawal (
    id {TEXT} NOT NULL PRIMARY KEY,
    basis TEXT NOT NULL,
    reason TEXT NOT NULL,
    author TEXT NOT NULL,
    at_millis BIGINT NOT NULL
);

-- Tasks follow from agreements that have ended; here stands which of them somebody has done.
CREATE TABLE task_done (
    task {TEXT} NOT NULL PRIMARY KEY,
    note TEXT NOT NULL,
    author TEXT NOT NULL,
    at_millis BIGINT NOT NULL
);
