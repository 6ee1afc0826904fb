-- What is counted against the limits of agreements. `limit_of` names agreement, clause, direction and kind of period;
-- periods end at `period_end`. Keys begin with it, so that what is in use lies together and what is over goes as a range.

-- How many exchanges have been handed out to processes, in blocks.
CREATE TABLE volume_lease (
    period_end BIGINT NOT NULL,
    limit_of {TEXT} NOT NULL,
    leased BIGINT NOT NULL,
    PRIMARY KEY (period_end, limit_of)
){CLUSTERED};

-- Questions about a person, who is known by a keyed pseudonym: at most one row for each number. `taken` is 0 when the
-- question came to no answer, so that the row may be taken again; `repeats` counts how often that was.
CREATE TABLE person_place (
    period_end BIGINT NOT NULL,
    limit_of {TEXT} NOT NULL,
    pseudonym {BYTES} NOT NULL,
    number BIGINT NOT NULL,
    taken BIGINT NOT NULL,
    repeats BIGINT NOT NULL,
    entry {BYTES} NOT NULL,
    PRIMARY KEY (period_end, limit_of, pseudonym, number)
){CLUSTERED};

-- Which keys of pseudonyms this node uses, by what can be told of them: a process with another key counts nothing.
CREATE TABLE pseudonym_key (
    version BIGINT NOT NULL PRIMARY KEY,
    fingerprint {TEXT} NOT NULL
);
