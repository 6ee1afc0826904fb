-- Entries by kind, without the kinds of which each exchange has one: those are found by the views, and an append of one touches an index less.
DROP INDEX journal_entry_other_than_permit;
CREATE INDEX journal_entry_rare ON journal_entry (kind, id) WHERE kind NOT IN ('permit', 'completion', 'processing');
