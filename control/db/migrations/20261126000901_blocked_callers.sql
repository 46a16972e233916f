-- migrate:up
-- Callers whose calls a workspace rejects.
SET LOCAL lock_timeout = '5s';

CREATE TABLE blocked_callers (
    id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    caller text NOT NULL,                    -- E.164, or anonymous: all who withhold their number
    note text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (workspace_id, caller)            -- read by every inbound call
);
ALTER TABLE blocked_callers ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON blocked_callers
    USING ((SELECT current_scope() = 'platform') OR workspace_id = (SELECT current_workspace()));

-- migrate:down
SET LOCAL lock_timeout = '5s';
DROP TABLE blocked_callers;
