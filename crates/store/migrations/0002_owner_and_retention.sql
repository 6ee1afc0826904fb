-- Whose database this is: one node is one participant.
CREATE TABLE owner (
    id BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    participant {TEXT} NOT NULL
);

-- How far retention has looked: below this position no exchange is kept that was old enough then.
CREATE TABLE retention (
    id BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    position BIGINT NOT NULL
);
INSERT INTO retention (id, position) VALUES (1, 1);
