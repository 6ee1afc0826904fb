-- Which participants speak the interface among nodes of this program (`verbond`), and which take part over the group's
-- protocol alone (`foreign`, and
-- `foreign_without_properties` where it takes no properties into a contract); how that was learned, or who said so. One that is not here has not been asked.
CREATE TABLE peer_interface (
    peer {TEXT} NOT NULL PRIMARY KEY,
    interface {TEXT} NOT NULL,
    reason TEXT NOT NULL,
    author TEXT NOT NULL,
    at_millis BIGINT NOT NULL
);
