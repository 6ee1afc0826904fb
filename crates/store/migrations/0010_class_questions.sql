-- Services that had been declared open and were seen to speak of people. Kept after the decision: which words of the shipped
-- lists a second person has allowed, at which source, and who had declared what.
CREATE TABLE class_question (
    id {TEXT} NOT NULL PRIMARY KEY,
    service {TEXT} NOT NULL,
    upstream TEXT NOT NULL,
    signs TEXT NOT NULL,
    declaration TEXT NOT NULL,
    raised_at_millis BIGINT NOT NULL,
    decision TEXT
);
CREATE INDEX class_question_service ON class_question (service, id);
