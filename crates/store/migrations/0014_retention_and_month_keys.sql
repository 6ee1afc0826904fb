-- For how many days exchanges are kept by the rule in force (0: for ever; NULL: no rule has been written down yet), and what was
-- passed over because it is dated later than what stands round it: the first such position, and the earliest of their times.
ALTER TABLE retention ADD COLUMN keep_days BIGINT;
ALTER TABLE retention ADD COLUMN left_from BIGINT;
ALTER TABLE retention ADD COLUMN left_at BIGINT;

-- Legal holds that stand: nothing written from `from_millis` on and before `until_millis` is destroyed. `passed_from` is the first
-- position that retention has passed over because of it.
CREATE TABLE journal_hold (
    name {TEXT} NOT NULL PRIMARY KEY,
    from_millis BIGINT NOT NULL,
    until_millis BIGINT,
    reason TEXT NOT NULL,
    set_at BIGINT NOT NULL,
    passed_from BIGINT
);

-- What has been destroyed, by the act that says so. Indices count from 0.
CREATE TABLE journal_destruction (
    act {BYTES} NOT NULL PRIMARY KEY,
    first_index BIGINT NOT NULL,
    last_index BIGINT NOT NULL,
    entries BIGINT NOT NULL,
    destroyed_at BIGINT NOT NULL,
    copies_gone_at BIGINT
);

-- Which key salt and payload are sealed under; 0: under none, as all were that were written before there were such keys.
ALTER TABLE journal_entry ADD COLUMN key_id BIGINT NOT NULL DEFAULT 0;

-- Keys for the entries of one class written in one month of UTC (year * 100 + month), wrapped by the wrapping key. One that is not
-- here has been destroyed, and what was sealed under it with it.
CREATE TABLE month_key (
    id BIGINT NOT NULL PRIMARY KEY,
    class {TEXT} NOT NULL,
    month BIGINT NOT NULL,
    wrapped {BYTES} NOT NULL,
    UNIQUE (class, month)
);

-- A known text sealed under the key that wraps these, which lies outside of the database: by it the key is known again.
CREATE TABLE wrapping_key (
    id BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    proof {BYTES} NOT NULL
);
