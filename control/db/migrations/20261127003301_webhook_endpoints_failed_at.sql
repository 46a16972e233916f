-- migrate:up
-- When an attempt at an endpoint failed last. failing_since alone also counted the days on which nothing was sent: an
-- endpoint whose only event of a month had failed was disabled by the first failure of the next month.
SET LOCAL lock_timeout = '5s';
ALTER TABLE outbound_webhook_endpoints ADD COLUMN failed_at timestamptz;

-- migrate:down
SET LOCAL lock_timeout = '5s';
ALTER TABLE outbound_webhook_endpoints DROP COLUMN failed_at;
