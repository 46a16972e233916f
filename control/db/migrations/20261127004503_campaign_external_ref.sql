-- migrate:up
-- The customer's own text for a campaign; NULL: none.
SET LOCAL lock_timeout = '5s';
ALTER TABLE campaigns ADD COLUMN external_ref text;

-- migrate:down
SET LOCAL lock_timeout = '5s';
ALTER TABLE campaigns DROP COLUMN external_ref;
