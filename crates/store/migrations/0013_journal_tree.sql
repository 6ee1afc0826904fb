-- The Merkle tree over the journal: hashes in tiles (C2SP tlog-tiles), 32 bytes each, 256 at most. `tree_size` says how many of
-- the entries that have positions are in it: all of them but for moments after an upgrade.
ALTER TABLE journal_head ADD COLUMN epoch BIGINT NOT NULL DEFAULT 1;
ALTER TABLE journal_head ADD COLUMN tree_size BIGINT NOT NULL DEFAULT 0;

CREATE TABLE journal_tile (
    level BIGINT NOT NULL,
    place BIGINT NOT NULL,
    hashes {BYTES} NOT NULL,
    PRIMARY KEY (level, place)
);

-- Keys that checkpoints were signed with, each certified by an act of the journal.
CREATE TABLE journal_key (
    verifier_key {TEXT} NOT NULL PRIMARY KEY,
    epoch BIGINT NOT NULL,
    certificate TEXT NOT NULL,
    certified_at BIGINT NOT NULL
);

-- Own checkpoints, as signed notes.
CREATE TABLE journal_checkpoint (
    epoch BIGINT NOT NULL,
    size BIGINT NOT NULL,
    signed_at BIGINT NOT NULL,
    note TEXT NOT NULL,
    PRIMARY KEY (epoch, size)
);

-- Keys of counterparts' journals, with the statements by which they are theirs.
CREATE TABLE counterpart_journal_key (
    verifier_key {TEXT} NOT NULL PRIMARY KEY,
    counterpart {TEXT} NOT NULL,
    certificate TEXT NOT NULL,
    seen_at BIGINT NOT NULL
);

-- The newest checkpoint that was seen of each journal of a counterpart.
CREATE TABLE witnessed_checkpoint (
    origin {TEXT} NOT NULL PRIMARY KEY,
    counterpart {TEXT} NOT NULL,
    size BIGINT NOT NULL,
    note TEXT NOT NULL,
    verifier_key {TEXT} NOT NULL,
    seen_at BIGINT NOT NULL
);
CREATE INDEX witnessed_checkpoint_counterpart ON witnessed_checkpoint (counterpart);
