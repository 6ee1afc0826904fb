-- What exchanges are looked for by, more of it: on which version of an agreement the decision rested, and for which purpose it was.
ALTER TABLE transaction_record ADD COLUMN agreement {BYTES};
ALTER TABLE transaction_record ADD COLUMN agreement_version BIGINT;
ALTER TABLE transaction_record ADD COLUMN purpose {TEXT};
CREATE INDEX transaction_record_agreement ON transaction_record (agreement, position) WHERE agreement IS NOT NULL;
CREATE INDEX transaction_record_purpose ON transaction_record (purpose, position) WHERE purpose IS NOT NULL;
CREATE INDEX transaction_record_service ON transaction_record (service, position);
-- In the order of positions, in which they are listed page after page.
DROP INDEX transaction_record_consumer;
CREATE INDEX transaction_record_consumer ON transaction_record (consumer, position);
DROP INDEX transaction_record_provider;
CREATE INDEX transaction_record_provider ON transaction_record (provider, position);

-- In which form the views were derived: a program that knows another one derives them anew. What stands in them from before cannot be
-- filled in here, since entries lie sealed.
ALTER TABLE journal_head ADD COLUMN views_form BIGINT NOT NULL DEFAULT 0;
