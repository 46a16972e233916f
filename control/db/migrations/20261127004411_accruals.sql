-- migrate:up
SET LOCAL lock_timeout = '5s';

-- What each stretch of a billing period adds to the bill besides its minutes at list price: fee, included minutes,
-- trial, numbers. It is computed from the period's statement, until the period is closed and after late rows, too.
CREATE TABLE accruals (
    workspace_id uuid NOT NULL,
    period_id uuid NOT NULL REFERENCES billing_periods ON DELETE CASCADE,
    at timestamptz NOT NULL,
    until timestamptz NOT NULL CHECK (until > at),
    resource_type text NOT NULL CHECK (resource_type IN ('subscription', 'included_minutes', 'trial', 'phone_number')),
    quantity numeric(18, 6) NOT NULL,
    price numeric(24, 9) NOT NULL,           -- of the workspace's currency; negative: not charged
    cost numeric(18, 9) NOT NULL,            -- US dollars
    list_price numeric(24, 9) NOT NULL,      -- of the minutes that included_minutes and trial deduct from
    PRIMARY KEY (workspace_id, at, resource_type)
);
CREATE INDEX accruals_period ON accruals (period_id);
ALTER TABLE accruals ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON accruals
    USING ((SELECT current_scope() = 'platform') OR workspace_id = (SELECT current_workspace()));

-- The part of a call's list price that is billed, after included and trial minutes. Of a trial it is nothing, also before
-- the accruals of its time are computed.
CREATE FUNCTION billed_share(workspace uuid, moment timestamptz) RETURNS numeric LANGUAGE sql STABLE AS $$
    SELECT coalesce(
        (SELECT (list_price + price) / list_price FROM accruals
         WHERE workspace_id = workspace AND at > moment - interval '25 hours' AND at <= moment AND until > moment
           AND list_price <> 0 LIMIT 1),
        CASE (SELECT status FROM workspace_changes WHERE workspace_id = workspace AND at <= moment
              ORDER BY at DESC, seq DESC LIMIT 1) WHEN 'trial' THEN 0 ELSE 1 END)
$$;

-- Null: the period has no accruals yet, and the rows that closed it count instead.
ALTER TABLE billing_periods ADD COLUMN accrued_until timestamptz;
ALTER TABLE billing_periods ADD COLUMN accrued_at timestamptz;
CREATE INDEX billing_periods_not_accrued ON billing_periods (workspace_id) WHERE accrued_until IS NULL;

-- In US dollars, by resource type of the ledger; credits, which are no part of the revenue, too.
ALTER TABLE workspace_daily ADD COLUMN revenue_by_resource jsonb NOT NULL DEFAULT '{}';
ALTER TABLE platform_daily ADD COLUMN revenue_by_resource jsonb NOT NULL DEFAULT '{}';

-- migrate:down
SET LOCAL lock_timeout = '5s';
ALTER TABLE platform_daily DROP COLUMN revenue_by_resource;
ALTER TABLE workspace_daily DROP COLUMN revenue_by_resource;
DROP INDEX billing_periods_not_accrued;
ALTER TABLE billing_periods DROP COLUMN accrued_at;
ALTER TABLE billing_periods DROP COLUMN accrued_until;
DROP FUNCTION billed_share;
DROP TABLE accruals;
