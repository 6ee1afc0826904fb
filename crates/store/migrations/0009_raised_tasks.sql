-- Tasks that something raised while an agreement runs, each once: a certificate that was compromised, an element that never
-- comes.
CREATE TABLE raised_task (
    task {TEXT} NOT NULL PRIMARY KEY,
    agreement {TEXT} NOT NULL,
    cause {TEXT} NOT NULL,
    clause {TEXT},
    subject TEXT NOT NULL,
    at_millis BIGINT NOT NULL
);

-- How many whole responses in a row lacked an agreed element, as far as it was last written.
CREATE TABLE element_absence (
    agreement {TEXT} NOT NULL,
    clause {TEXT} NOT NULL,
    operation {TEXT} NOT NULL,
    element {TEXT} NOT NULL,
    responses BIGINT NOT NULL,
    PRIMARY KEY (agreement, clause, operation, element)
);
