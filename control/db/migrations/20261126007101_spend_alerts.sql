-- migrate:up
-- Accounts that spend credits only, and the e-mails that told a workspace of its spending limit: each once for a period and a limit. A program before this one
-- knows neither.
SET LOCAL lock_timeout = '5s';

ALTER TABLE billing_accounts ADD COLUMN is_prepaid boolean NOT NULL DEFAULT false;

CREATE TABLE spend_alerts (
    id uuid NOT NULL,
    workspace_id uuid NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    period_start timestamptz NOT NULL,
    usage_limit numeric(18, 3) NOT NULL,
    kind text NOT NULL CHECK (kind IN ('threshold', 'limit')),
    spent numeric(18, 9) NOT NULL,      -- when it was noticed
    at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, period_start, usage_limit, kind)
);
ALTER TABLE spend_alerts ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON spend_alerts USING (
    (SELECT current_scope() = 'platform') OR workspace_id = (SELECT current_workspace())
);

-- migrate:down
SET LOCAL lock_timeout = '5s';
DROP TABLE spend_alerts;
ALTER TABLE billing_accounts DROP COLUMN is_prepaid;
