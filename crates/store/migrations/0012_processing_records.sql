-- What processing records are looked for by; what they say stands in journal_entry. Derived from it, as transaction_record is.
-- An entry may hold several: they are numbered.
CREATE TABLE processing_record (
    position {KEY_INTEGER} NOT NULL,
    place BIGINT NOT NULL,
    transaction_id {BYTES} NOT NULL,
    data_subject {TEXT},
    activity {TEXT} NOT NULL,
    PRIMARY KEY (position, place)
);
CREATE INDEX processing_record_transaction ON processing_record (transaction_id);
CREATE INDEX processing_record_data_subject ON processing_record (data_subject) WHERE data_subject IS NOT NULL;
CREATE INDEX processing_record_activity ON processing_record (activity, position);
