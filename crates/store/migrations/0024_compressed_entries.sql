-- Nothing changes here. From this number on payloads of entries may be compressed before they are sealed: a program that knows schemas
-- up to an earlier one refuses to start, instead of taking them for damaged.
SELECT 1;
