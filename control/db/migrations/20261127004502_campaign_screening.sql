-- migrate:up
-- How a campaign's calls treat phones that ask who calls; NULL: as its agent says.
SET LOCAL lock_timeout = '5s';
ALTER TABLE campaigns ADD COLUMN call_screening text CHECK (call_screening IN ('answer', 'end'));

-- migrate:down
SET LOCAL lock_timeout = '5s';
ALTER TABLE campaigns DROP COLUMN call_screening;
