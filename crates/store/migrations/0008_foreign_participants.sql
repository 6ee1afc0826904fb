-- Which participants speak the interface among nodes of this program (`verbond`), and which take part over the group's
-- protocol alone (`foreign`); how that was learned, or who said so. One that is not here has not been asked.
CREATE TABLE peer_interface (
    peer {TEXT} NOT NULL PRIMARY KEY,
    interface {TEXT} NOT NULL,
    reason TEXT NOT NULL,
    author TEXT NOT NULL,
    at_millis BIGINT NOT NULL
);
