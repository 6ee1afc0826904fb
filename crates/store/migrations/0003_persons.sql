-- People who act for the organisation. A key belongs to one person, so that nobody has two names; a code that invites
-- is kept as its SHA-256 only.
CREATE TABLE person (
    name {TEXT} NOT NULL PRIMARY KEY,
    display_name TEXT NOT NULL,
    roles TEXT NOT NULL,
    state TEXT NOT NULL,
    key_thumbprint {TEXT} UNIQUE,
    certificate TEXT,
    certificate_ends_at BIGINT,
    invitation {TEXT} UNIQUE,
    invitation_ends_at BIGINT,
    added_at BIGINT NOT NULL,
    enrolled_at BIGINT,
    disabled_at BIGINT
);
