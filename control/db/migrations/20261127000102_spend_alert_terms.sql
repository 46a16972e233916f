-- migrate:up
-- What held when a workspace was told of its spending limit, so that it can be read later. NULL: told by a program before this one.
SET LOCAL lock_timeout = '5s';

ALTER TABLE spend_alerts ADD COLUMN threshold_percentage integer, ADD COLUMN ends_calls boolean;

-- migrate:down
SET LOCAL lock_timeout = '5s';
ALTER TABLE spend_alerts DROP COLUMN threshold_percentage, DROP COLUMN ends_calls;
