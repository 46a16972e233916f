-- migrate:up
-- Amounts of workspaces from 1,000,000,000 on, which in dong are 40,000 US dollars: one that did not fit stopped the
-- roll-ups of all. No table is rewritten, because only digits before the point are added.
SET LOCAL lock_timeout = '5s';
ALTER TABLE usage_records ALTER COLUMN price TYPE numeric(24,9);
ALTER TABLE usage_daily ALTER COLUMN price TYPE numeric(24,9);
ALTER TABLE usage_intervals ALTER COLUMN price TYPE numeric(24,9);
ALTER TABLE workspace_daily ALTER COLUMN price TYPE numeric(24,9);
ALTER TABLE workspace_totals ALTER COLUMN price TYPE numeric(24,9);
ALTER TABLE billing_periods ALTER COLUMN usage_total TYPE numeric(24,9);
ALTER TABLE invoice_lines ALTER COLUMN exact TYPE numeric(24,9);
ALTER TABLE spend_alerts ALTER COLUMN spent TYPE numeric(24,9);

-- migrate:down
-- The columns keep their digits, which programs before this one can read.
SET LOCAL lock_timeout = '5s';
