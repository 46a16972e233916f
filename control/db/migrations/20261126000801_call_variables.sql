-- migrate:up
-- What a customer sends with an outbound call: the values of its agent's placeholders, and metadata of their own. Columns
-- of their own, because `details` is rewritten with every report on a call.
SET LOCAL lock_timeout = '5s';

ALTER TABLE calls
    ADD COLUMN variables jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN metadata jsonb NOT NULL DEFAULT '{}';

-- migrate:down
SET LOCAL lock_timeout = '5s';
ALTER TABLE calls DROP COLUMN variables, DROP COLUMN metadata;
