-- What exchanges share stands once, and their records name it by number: parties, service and ground stood in each record, and in six
-- indexes over it. `digest` is of all the other columns; one without it gets no more records.
CREATE TABLE exchange_heading (
    id {KEY_INTEGER} NOT NULL PRIMARY KEY,
    digest {BYTES} UNIQUE,
    direction {TEXT} NOT NULL,
    consumer {TEXT} NOT NULL,
    consumer_delegator {TEXT},
    provider {TEXT} NOT NULL,
    provider_delegator {TEXT},
    service {TEXT} NOT NULL,
    grant_hash {TEXT},
    agreement {BYTES},
    agreement_version BIGINT,
    purpose {TEXT}
);
CREATE INDEX exchange_heading_consumer ON exchange_heading (consumer);
CREATE INDEX exchange_heading_provider ON exchange_heading (provider);
CREATE INDEX exchange_heading_service ON exchange_heading (service);
CREATE INDEX exchange_heading_grant ON exchange_heading (grant_hash);
CREATE INDEX exchange_heading_agreement ON exchange_heading (agreement);
CREATE INDEX exchange_heading_purpose ON exchange_heading (purpose);

-- Derived anew from journal_entry by whoever opens the database next.
DROP TABLE transaction_record;
CREATE TABLE transaction_record (
    position {KEY_INTEGER} NOT NULL PRIMARY KEY,
    transaction_id {BYTES},
    heading BIGINT NOT NULL
);
CREATE INDEX transaction_record_transaction ON transaction_record (transaction_id);
-- In the order of positions, in which they are listed page after page.
CREATE INDEX transaction_record_heading ON transaction_record (heading, position);
