-- migrate:up
-- Which countries a workspace called when first, and the alarms about unusual calls. Programs before this one read and
-- write none of it.
SET LOCAL lock_timeout = '5s';

CREATE TABLE called_countries (
    workspace_id uuid NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    country text NOT NULL CHECK (country ~ '^[A-Z]{2}$'),
    first_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, country)
);
CREATE INDEX called_countries_newest ON called_countries (first_at);
ALTER TABLE called_countries ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON called_countries
    USING ((SELECT current_scope() = 'platform') OR workspace_id = (SELECT current_workspace()));

-- One of each kind, workspace and day.
CREATE TABLE spend_alarms (
    id uuid PRIMARY KEY,
    workspace_id uuid REFERENCES workspaces ON DELETE CASCADE,  -- null: all workspaces together
    kind text NOT NULL CHECK (kind IN ('short_calls', 'test_calls', 'new_countries', 'platform_limit')),
    day date NOT NULL,                                          -- UTC
    figure bigint NOT NULL,
    threshold bigint NOT NULL,
    raised_at timestamptz NOT NULL,
    UNIQUE NULLS NOT DISTINCT (workspace_id, kind, day)
);
CREATE INDEX spend_alarms_newest ON spend_alarms (raised_at);
ALTER TABLE spend_alarms ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON spend_alarms
    USING ((SELECT current_scope() = 'platform') OR workspace_id = (SELECT current_workspace()));

-- migrate:down
SET LOCAL lock_timeout = '5s';
DROP TABLE spend_alarms, called_countries;
