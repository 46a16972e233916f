-- migrate:up
-- For how many days a workspace may keep what its calls hold, as retention last took it: so that it is noticed when tier or
-- platform allow fewer, and nothing is deleted for that before the grace is over. Programs before this one read and write
-- none of it.
SET LOCAL lock_timeout = '5s';

CREATE TABLE retention_limits (
    workspace_id uuid NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    kind text NOT NULL CHECK (kind IN ('recording', 'transcript', 'event')),
    days integer NOT NULL CHECK (days > 0),
    lowered_at timestamptz,                  -- since when fewer are allowed; null: they are not
    PRIMARY KEY (workspace_id, kind)
);
ALTER TABLE retention_limits ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON retention_limits
    USING ((SELECT current_scope() = 'platform') OR workspace_id = (SELECT current_workspace()));

-- migrate:down
SET LOCAL lock_timeout = '5s';
DROP TABLE retention_limits;
