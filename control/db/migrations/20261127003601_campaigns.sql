-- migrate:up
-- Campaigns: lists of numbers that an agent calls, each number as often as the campaign's rules allow. An attempt is
-- inserted in the transaction that inserts its call, and finished in the transaction that ends the call.
SET LOCAL lock_timeout = '5s';

CREATE TABLE campaigns (
    id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    name text NOT NULL,
    agent_id uuid NOT NULL,
    agent_version integer,                   -- NULL: the agent's current one when a call is placed
    number_ids uuid[] NOT NULL,              -- numbers to call from; empty: as other outbound calls choose
    status text NOT NULL CHECK (status IN ('draft', 'running', 'paused', 'completed', 'canceled')),
    status_reason text,                      -- why the platform paused or completed it; NULL: a member did
    hours jsonb,                             -- control/campaigns/calling_hours.py; NULL: by the number's country
    retries jsonb NOT NULL,                  -- control/campaigns/retry_policy.py
    calls_per_minute integer NOT NULL CHECK (calls_per_minute > 0),
    most_open_calls integer NOT NULL CHECK (most_open_calls > 0),
    leaves_messages boolean NOT NULL,        -- the agent's voicemail message is left with machines
    starts_at timestamptz,
    ends_at timestamptz,
    next_dispatch_at timestamptz NOT NULL,   -- no call is placed before
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    started_at timestamptz,
    finished_at timestamptz
);
CREATE INDEX campaigns_newest ON campaigns (workspace_id, created_at DESC, id DESC);
CREATE INDEX campaigns_due ON campaigns (next_dispatch_at) WHERE status = 'running';
CREATE INDEX campaigns_over ON campaigns (finished_at) WHERE finished_at IS NOT NULL;
ALTER TABLE campaigns ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON campaigns
    USING ((SELECT current_scope() = 'platform') OR workspace_id = (SELECT current_workspace()));

CREATE TABLE campaign_recipients (
    id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    campaign_id uuid NOT NULL REFERENCES campaigns ON DELETE CASCADE,
    phone_number text NOT NULL,
    variables jsonb NOT NULL,
    timezone text,                           -- NULL: the zones of the number
    reference text,                          -- the customer's own
    status text NOT NULL CHECK (status IN ('pending', 'calling', 'finished')),
    outcome text,                            -- of the last attempt, or why there is none
    detail text,                             -- a code that explains the outcome
    attempts integer NOT NULL,               -- that reached the carrier
    next_attempt_at timestamptz NOT NULL,    -- while it is pending
    created_at timestamptz NOT NULL,
    finished_at timestamptz,
    UNIQUE (campaign_id, phone_number)
);
CREATE INDEX campaign_recipients_due ON campaign_recipients (campaign_id, next_attempt_at, id)
    WHERE status = 'pending';
CREATE INDEX campaign_recipients_order ON campaign_recipients (campaign_id, id);
CREATE INDEX campaign_recipients_number ON campaign_recipients (workspace_id, phone_number);
ALTER TABLE campaign_recipients ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON campaign_recipients
    USING ((SELECT current_scope() = 'platform') OR workspace_id = (SELECT current_workspace()));

CREATE TABLE campaign_attempts (
    call_id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    campaign_id uuid NOT NULL,
    recipient_id uuid NOT NULL REFERENCES campaign_recipients ON DELETE CASCADE,
    phone_number text NOT NULL,
    started_at timestamptz NOT NULL,
    finished_at timestamptz,                 -- NULL: the call is not over
    outcome text,
    detail text
);
-- No two open calls of campaigns to one number of a workspace.
CREATE UNIQUE INDEX campaign_attempts_open ON campaign_attempts (workspace_id, phone_number)
    WHERE finished_at IS NULL;
CREATE INDEX campaign_attempts_unfinished ON campaign_attempts (campaign_id) WHERE finished_at IS NULL;
CREATE INDEX campaign_attempts_recipient ON campaign_attempts (recipient_id, started_at);
CREATE INDEX campaign_attempts_number ON campaign_attempts (workspace_id, phone_number, started_at);
CREATE INDEX campaign_attempts_pace ON campaign_attempts (campaign_id, started_at);
ALTER TABLE campaign_attempts ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON campaign_attempts
    USING ((SELECT current_scope() = 'platform') OR workspace_id = (SELECT current_workspace()));

-- migrate:down
SET LOCAL lock_timeout = '5s';
DROP TABLE campaign_attempts;
DROP TABLE campaign_recipients;
DROP TABLE campaigns;
