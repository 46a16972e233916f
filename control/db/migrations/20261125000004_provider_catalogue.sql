-- migrate:up
-- What a provider is, beside what staff set for it: told by the shipped catalogue and brought up to date by `migrate`.
SET LOCAL lock_timeout = '5s';

ALTER TABLE providers
    ADD COLUMN display_name text NOT NULL DEFAULT '',
    ADD COLUMN kinds text[] NOT NULL DEFAULT '{}' CHECK (kinds <@ ARRAY['stt', 'llm', 'tts']),
    ADD COLUMN needs_key boolean NOT NULL DEFAULT true,
    ADD COLUMN for_tests boolean NOT NULL DEFAULT false, -- answers no real caller unless a setting allows it
    ADD COLUMN options jsonb NOT NULL DEFAULT '{}'; -- {"llm": ["model", …]}: what an agent may set

-- migrate:down
SET LOCAL lock_timeout = '5s';
ALTER TABLE providers
    DROP COLUMN display_name, DROP COLUMN kinds, DROP COLUMN needs_key, DROP COLUMN for_tests, DROP COLUMN options;
