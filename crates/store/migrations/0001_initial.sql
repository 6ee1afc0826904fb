-- One text for SQLite and PostgreSQL. Words in braces are put in by dialect.rs: {BYTES} has no name that both know,
-- {TEXT} is compared byte by byte, so that both sort alike, and positions are given differently.

-- The journal. Ids and keys start with time-ordered bytes, so that an append touches the end of each index only.
-- Positions count from 1, in the order of commits.
CREATE TABLE journal_entry (
    {POSITION},
    id {BYTES} NOT NULL UNIQUE,
    kind {TEXT} NOT NULL,
    at_millis BIGINT NOT NULL,
    unique_key {BYTES},
    salt {BYTES} NOT NULL,
    commitment {BYTES} NOT NULL,
    payload {BYTES} NOT NULL
);
CREATE UNIQUE INDEX journal_entry_unique_key ON journal_entry (unique_key) WHERE unique_key IS NOT NULL;
{POSITION_INDEXES}
CREATE INDEX journal_entry_other_than_permit ON journal_entry (kind, id) WHERE kind <> 'permit';

-- How many entries have been integrated: positions 1 .. size.
CREATE TABLE journal_head (
    id BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    size BIGINT NOT NULL
);
INSERT INTO journal_head (id, size) VALUES (1, 0);

-- What exchanges are looked for by; what they were stands in journal_entry. Derived from it; may be emptied and derived
-- anew at any time.
CREATE TABLE transaction_record (
    position {KEY_INTEGER} NOT NULL PRIMARY KEY,
    transaction_id {BYTES},
    direction {TEXT} NOT NULL,
    consumer {TEXT} NOT NULL,
    consumer_delegator {TEXT},
    provider {TEXT} NOT NULL,
    provider_delegator {TEXT},
    service {TEXT} NOT NULL,
    grant_hash {TEXT}
);
CREATE INDEX transaction_record_transaction ON transaction_record (transaction_id);
CREATE INDEX transaction_record_consumer ON transaction_record (consumer);
CREATE INDEX transaction_record_provider ON transaction_record (provider);
CREATE INDEX transaction_record_consumer_delegator ON transaction_record (consumer_delegator)
    WHERE consumer_delegator IS NOT NULL;
CREATE INDEX transaction_record_provider_delegator ON transaction_record (provider_delegator)
    WHERE provider_delegator IS NOT NULL;
CREATE INDEX transaction_record_grant ON transaction_record (grant_hash) WHERE grant_hash IS NOT NULL;

-- Raised by every transaction that changes what gateways decide on.
CREATE TABLE generation (
    id BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    number BIGINT NOT NULL
);
INSERT INTO generation (id, number) VALUES (1, 0);

CREATE TABLE service (
    name {TEXT} NOT NULL PRIMARY KEY,
    upstream TEXT NOT NULL,
    protocol TEXT NOT NULL,
    declaration TEXT NOT NULL
);

CREATE TABLE application (
    name {TEXT} NOT NULL PRIMARY KEY,
    credential_kind TEXT NOT NULL,
    credential TEXT NOT NULL
);

CREATE TABLE binding (
    application {TEXT} NOT NULL REFERENCES application (name) ON DELETE CASCADE,
    alias {TEXT} NOT NULL,
    provider {TEXT} NOT NULL,
    service {TEXT} NOT NULL,
    declaration TEXT,
    PRIMARY KEY (application, alias)
);

CREATE TABLE peer (
    id {TEXT} NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    name_in_lower_case TEXT NOT NULL,
    manager_address TEXT NOT NULL,
    seen_at BIGINT NOT NULL,
    hash_reading TEXT,
    key_set TEXT
);

CREATE TABLE contract (
    hash {TEXT} NOT NULL PRIMARY KEY,
    iv {TEXT} NOT NULL UNIQUE,
    content TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    not_before BIGINT NOT NULL,
    not_after BIGINT NOT NULL,
    stored_at BIGINT NOT NULL,
    verdict TEXT NOT NULL,
    verdict_reasons TEXT NOT NULL
);
CREATE INDEX contract_created ON contract (created_at, hash);
CREATE INDEX contract_end ON contract (not_after);

CREATE TABLE contract_grant (
    contract {TEXT} NOT NULL REFERENCES contract (hash) ON DELETE CASCADE,
    place BIGINT NOT NULL,
    grant_type {TEXT} NOT NULL,
    hash_string {TEXT} NOT NULL,
    hash_digest {TEXT} NOT NULL,
    service_peer {TEXT} NOT NULL,
    service_name {TEXT} NOT NULL,
    counter_peer {TEXT} NOT NULL,
    data TEXT NOT NULL,
    PRIMARY KEY (contract, place)
);
CREATE INDEX contract_grant_hash_string ON contract_grant (hash_string);
CREATE INDEX contract_grant_hash_digest ON contract_grant (hash_digest);

CREATE TABLE contract_participant (
    contract {TEXT} NOT NULL REFERENCES contract (hash) ON DELETE CASCADE,
    participant {TEXT} NOT NULL,
    PRIMARY KEY (participant, contract)
);
CREATE INDEX contract_participant_contract ON contract_participant (contract);

CREATE TABLE contract_signature (
    contract {TEXT} NOT NULL REFERENCES contract (hash) ON DELETE CASCADE,
    peer {TEXT} NOT NULL,
    kind {TEXT} NOT NULL,
    jws TEXT NOT NULL,
    signed_at BIGINT NOT NULL,
    stored_at BIGINT NOT NULL,
    PRIMARY KEY (contract, peer, kind)
);

-- What must still reach a peer. `sequence` orders the messages of one peer; a lease ends by itself.
CREATE TABLE outbox (
    id {BYTES} NOT NULL PRIMARY KEY,
    peer {TEXT} NOT NULL,
    sequence BIGINT NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    payload TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    next_attempt_at BIGINT NOT NULL,
    leased_until BIGINT NOT NULL,
    last_error TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX outbox_order ON outbox (peer, sequence, id);
