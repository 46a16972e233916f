-- migrate:up
SET LOCAL lock_timeout = '5s';
-- Calls that used each provider: {"deepgram": 12, …}; one call may have used a provider in several ways, so that
-- usage_daily's counts cannot be added up.
ALTER TABLE workspace_daily ADD COLUMN by_provider jsonb NOT NULL DEFAULT '{}';
-- The worker takes the longest-waiting marks first, and whole days together.
CREATE INDEX rollup_dirty_order ON rollup_dirty (marked_at, day);

-- migrate:down
SET LOCAL lock_timeout = '5s';
DROP INDEX rollup_dirty_order;
ALTER TABLE workspace_daily DROP COLUMN by_provider;
