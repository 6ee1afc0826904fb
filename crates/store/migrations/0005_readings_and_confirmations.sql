-- What nodes have read at the addresses that a version names: the last look of each.
CREATE TABLE agreement_reading (
    hash {TEXT} NOT NULL REFERENCES agreement_version (hash) ON DELETE CASCADE,
    kind {TEXT} NOT NULL,
    url {TEXT} NOT NULL,
    reader {TEXT} NOT NULL,
    outcome {TEXT} NOT NULL,
    content_hash {TEXT},
    content TEXT,
    at_millis BIGINT NOT NULL,
    PRIMARY KEY (hash, kind, url, reader)
);

-- That somebody else stands behind a version of an entry, by the key that they confirmed it with.
CREATE TABLE register_confirmation (
    register {TEXT} NOT NULL,
    name {TEXT} NOT NULL,
    version BIGINT NOT NULL,
    thumbprint {TEXT} NOT NULL,
    author TEXT NOT NULL,
    confirmed_at BIGINT NOT NULL,
    PRIMARY KEY (register, name, version, thumbprint)
);
