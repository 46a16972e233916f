-- migrate:up
SET LOCAL lock_timeout = '5s';
-- Of utterances whose vendor told them: when each word was said. NULL where none has them, and for all calls of before.
ALTER TABLE call_words ADD COLUMN word_times jsonb;

-- migrate:down
SET LOCAL lock_timeout = '5s';
ALTER TABLE call_words DROP COLUMN word_times;
