-- What came of comparing accounts with counterparts; `failure` is the code of why it could not be compared.
CREATE TABLE reconciliation (
    participant {TEXT} NOT NULL,
    at_millis BIGINT NOT NULL,
    by_itself BIGINT NOT NULL,
    from_millis BIGINT NOT NULL,
    until_millis BIGINT NOT NULL,
    compared BIGINT NOT NULL,
    same BIGINT NOT NULL,
    counts TEXT NOT NULL,
    disagrees BIGINT NOT NULL,
    failure {TEXT},
    PRIMARY KEY (participant, at_millis)
);

-- Tasks about a counterpart: its account says something else, or its journal tells two histories. Done as other tasks are.
CREATE TABLE counterpart_task (
    task {TEXT} NOT NULL PRIMARY KEY,
    cause {TEXT} NOT NULL,
    counterpart {TEXT} NOT NULL,
    subject TEXT NOT NULL,
    at_millis BIGINT NOT NULL
);
