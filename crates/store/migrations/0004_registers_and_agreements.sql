-- Registers: legal grounds, processing activities, described services, assessments, algorithms. A version is never
-- changed; what ends is said by `ended_at`.
CREATE TABLE register_entry (
    register {TEXT} NOT NULL,
    name {TEXT} NOT NULL,
    version BIGINT NOT NULL,
    content TEXT NOT NULL,
    hash {TEXT} NOT NULL,
    author TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    ended_at BIGINT,
    PRIMARY KEY (register, name, version)
);

-- Versions of agreements, by the hash of their canonical form.
CREATE TABLE agreement_version (
    hash {TEXT} NOT NULL PRIMARY KEY,
    agreement {TEXT} NOT NULL,
    version BIGINT NOT NULL,
    document TEXT NOT NULL,
    author TEXT NOT NULL,
    term_until BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (agreement, version)
);
CREATE INDEX agreement_version_end ON agreement_version (term_until);

-- What became of a version, step by step; how far it is follows from these.
CREATE TABLE agreement_step (
    hash {TEXT} NOT NULL REFERENCES agreement_version (hash) ON DELETE CASCADE,
    sequence BIGINT NOT NULL,
    step {TEXT} NOT NULL,
    participant {TEXT} NOT NULL,
    detail TEXT NOT NULL,
    at_millis BIGINT NOT NULL,
    PRIMARY KEY (hash, sequence)
);
