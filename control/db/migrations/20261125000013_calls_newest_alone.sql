-- migrate:up
-- calls_newest does its work.
SET LOCAL lock_timeout = '5s';
DROP INDEX calls_created;

-- migrate:down
SET LOCAL lock_timeout = '5s';
CREATE INDEX calls_created ON calls (created_at DESC, id DESC);
