-- migrate:up
-- Roll-ups of analytics, and the exports of calls. Programs before this one read and write none of it: days that they
-- roll up are complete after `python -m control analytics rebuild`.
SET LOCAL lock_timeout = '5s';

-- Calls by quarters of an hour (UTC), because the zones' offsets are multiples of one: days and hours of any zone are
-- sums of rows, also after the workspace's zone changed. Without test calls.
CREATE TABLE call_intervals (
    workspace_id uuid NOT NULL,
    began timestamptz NOT NULL,
    agent_id uuid,
    calls integer NOT NULL,
    seconds bigint NOT NULL,
    inbound integer NOT NULL,
    queued integer NOT NULL,
    ringing integer NOT NULL,
    in_progress integer NOT NULL,
    completed integer NOT NULL,
    failed integer NOT NULL,
    busy integer NOT NULL,
    no_answer integer NOT NULL,
    canceled integer NOT NULL,
    positive integer NOT NULL,
    neutral integer NOT NULL,
    negative integer NOT NULL,
    judged integer NOT NULL,
    successful integer NOT NULL,
    scored integer NOT NULL,
    score_sum numeric(14,6) NOT NULL,
    UNIQUE NULLS NOT DISTINCT (workspace_id, began, agent_id)
);
ALTER TABLE call_intervals ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON call_intervals
    USING ((SELECT current_scope() = 'platform') OR workspace_id = (SELECT current_workspace()));

-- What the customer is charged, by the same quarters of an hour. unpriced: records without a price.
CREATE TABLE usage_intervals (
    workspace_id uuid NOT NULL,
    began timestamptz NOT NULL,
    resource_type text NOT NULL,
    quantity numeric(18,6) NOT NULL,
    price numeric(18,9) NOT NULL,
    unpriced integer NOT NULL,
    PRIMARY KEY (workspace_id, began, resource_type)
);
ALTER TABLE usage_intervals ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON usage_intervals
    USING ((SELECT current_scope() = 'platform') OR workspace_id = (SELECT current_workspace()));

-- Providers in the calls that were created on a day (UTC). measured: calls in which a failure would be known. price: the
-- calls' prices, split by cost. latency: turns by
-- role and bucket, {"stt": {"12": 3}} (control/analytics/latency.py).
CREATE TABLE provider_daily (
    workspace_id uuid NOT NULL,
    day date NOT NULL,
    provider text NOT NULL,
    calls integer NOT NULL,
    measured integer NOT NULL,
    failed_calls integer NOT NULL,
    cost numeric(18,9) NOT NULL,
    price numeric(18,9) NOT NULL,
    unpriced integer NOT NULL,
    latency jsonb NOT NULL,
    PRIMARY KEY (workspace_id, day, provider)
);
CREATE INDEX provider_daily_day ON provider_daily (day);
ALTER TABLE provider_daily ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON provider_daily
    USING ((SELECT current_scope() = 'platform') OR workspace_id = (SELECT current_workspace()));

-- The sums of all workspaces.
CREATE TABLE platform_provider_daily (
    day date NOT NULL,
    provider text NOT NULL,
    calls integer NOT NULL,
    measured integer NOT NULL,
    failed_calls integer NOT NULL,
    cost numeric(18,9) NOT NULL,
    price numeric(18,9) NOT NULL,
    unpriced integer NOT NULL,
    latency jsonb NOT NULL,
    PRIMARY KEY (day, provider)
);
ALTER TABLE platform_provider_daily ENABLE ROW LEVEL SECURITY;
CREATE POLICY platform ON platform_provider_daily USING ((SELECT current_scope() = 'platform'));

-- workspace_daily by calendar month (UTC), for rankings of long periods.
CREATE TABLE workspace_monthly (
    workspace_id uuid NOT NULL,
    month date NOT NULL CHECK (extract(day FROM month) = 1),
    calls bigint NOT NULL,
    seconds bigint NOT NULL,
    price numeric(18,9) NOT NULL,
    cost numeric(18,9) NOT NULL,
    PRIMARY KEY (month, workspace_id)
);
CREATE INDEX workspace_monthly_workspace ON workspace_monthly (workspace_id);
ALTER TABLE workspace_monthly ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON workspace_monthly
    USING ((SELECT current_scope() = 'platform') OR workspace_id = (SELECT current_workspace()));

-- Exports of calls: begun, and how each ended; null while it runs, or if its process was killed.
CREATE TABLE call_exports (
    id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    user_id uuid NOT NULL,
    format text NOT NULL CHECK (format IN ('csv', 'json')),
    since timestamptz NOT NULL,
    until timestamptz NOT NULL,
    started_at timestamptz NOT NULL,
    ended_at timestamptz,
    outcome text CHECK (outcome IN ('complete', 'aborted')),
    rows bigint,
    CHECK ((ended_at IS NULL) = (outcome IS NULL) AND (ended_at IS NULL) = (rows IS NULL))
);
CREATE INDEX call_exports_newest ON call_exports (workspace_id, started_at DESC);
ALTER TABLE call_exports ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON call_exports
    USING ((SELECT current_scope() = 'platform') OR workspace_id = (SELECT current_workspace()));

-- migrate:down
SET LOCAL lock_timeout = '5s';
DROP TABLE call_exports, workspace_monthly, platform_provider_daily, provider_daily, usage_intervals, call_intervals;
