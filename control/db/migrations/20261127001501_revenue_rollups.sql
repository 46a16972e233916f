-- migrate:up
-- Roll-ups of the platform in its own currency. A workspace's day holds its revenue as converted when it is computed, so
-- that sums over workspaces need no rates. Programs before this one write days without it, and know US dollars only.
SET LOCAL lock_timeout = '5s';

-- The price in the platform's currency; null: written by a program that knew no other.
ALTER TABLE workspace_daily ADD COLUMN revenue numeric(18,9);
ALTER TABLE workspace_totals ADD COLUMN revenue numeric(18,9);

-- Only the staff's figures are made from these.
ALTER TABLE workspace_monthly RENAME COLUMN price TO revenue;
ALTER TABLE provider_daily RENAME COLUMN price TO revenue;
ALTER TABLE platform_provider_daily RENAME COLUMN price TO revenue;

-- Months from before the table was there, also of workspaces that are purged, which a rebuild leaves out.
INSERT INTO workspace_monthly (workspace_id, month, calls, seconds, revenue, cost)
SELECT workspace_id, date_trunc('month', day::timestamp)::date, sum(calls), sum(seconds), sum(price), sum(cost)
FROM workspace_daily GROUP BY 1, 2
ON CONFLICT DO NOTHING;

-- migrate:down
SET LOCAL lock_timeout = '5s';
ALTER TABLE platform_provider_daily RENAME COLUMN revenue TO price;
ALTER TABLE provider_daily RENAME COLUMN revenue TO price;
ALTER TABLE workspace_monthly RENAME COLUMN revenue TO price;
ALTER TABLE workspace_totals DROP COLUMN revenue;
ALTER TABLE workspace_daily DROP COLUMN revenue;
