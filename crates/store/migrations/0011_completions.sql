-- What completions are looked for by; what they say stands in journal_entry. Derived from it, as transaction_record is.
CREATE TABLE completion_record (
    position {KEY_INTEGER} NOT NULL PRIMARY KEY,
    transaction_id {BYTES} NOT NULL,
    direction {TEXT} NOT NULL,
    counterpart {TEXT} NOT NULL
);
CREATE INDEX completion_record_transaction ON completion_record (transaction_id);
