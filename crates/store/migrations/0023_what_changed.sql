-- What each change was about, by its number in `generation`, so that whoever holds a picture reads only that anew. `mark` is the change's
-- own: a number that a restored database or another primary gives out once more has another. Only the newest are kept; where one is
-- missing, everything is read.
CREATE TABLE change_subject (
    number BIGINT NOT NULL,
    place BIGINT NOT NULL,
    mark {TEXT} NOT NULL,
    kind {TEXT} NOT NULL,
    subject {TEXT} NOT NULL,
    PRIMARY KEY (number, place)
){CLUSTERED};
