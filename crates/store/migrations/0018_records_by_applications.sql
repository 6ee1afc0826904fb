-- Who writes the consumer's processing records of a service that an application may use: outway or application.
ALTER TABLE binding ADD COLUMN records TEXT NOT NULL DEFAULT 'outway';

-- Processing records that an application owes, one row for each: written in the transaction of the permit (or before the bytes
-- about a person go on to the application), gone in that of the record. The data subject is a pseudonym; empty for the record of
-- an action about nobody in particular.
CREATE TABLE record_owed (
    permit {BYTES} NOT NULL,
    data_subject {TEXT} NOT NULL,
    transaction_id {BYTES} NOT NULL,
    application {TEXT} NOT NULL,
    provider {TEXT} NOT NULL,
    service {TEXT} NOT NULL,
    due_at_millis BIGINT NOT NULL,
    PRIMARY KEY (permit, data_subject)
);
CREATE INDEX record_owed_application ON record_owed (application, provider, service);
CREATE INDEX record_owed_due ON record_owed (due_at_millis);
CREATE INDEX record_owed_transaction ON record_owed (transaction_id);
