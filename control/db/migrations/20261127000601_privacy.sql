-- migrate:up
-- How far calls were deleted by retention, deletions of one caller's data, and exports of a workspace. Programs before
-- this one read and write none of it.
SET LOCAL lock_timeout = '5s';

-- All calls up to this one have lost what `kind` names.
CREATE TABLE retention_progress (
    workspace_id uuid NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    kind text NOT NULL CHECK (kind IN ('recording', 'transcript', 'event')),
    reached_at timestamptz NOT NULL,         -- the call's created_at
    reached_id uuid NOT NULL,
    PRIMARY KEY (workspace_id, kind)
);
ALTER TABLE retention_progress ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON retention_progress
    USING ((SELECT current_scope() = 'platform') OR workspace_id = (SELECT current_workspace()));

CREATE TABLE caller_deletions (
    id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    caller text NOT NULL,                    -- the number's pseudonym
    sealed_number bytea,                     -- null once it is done
    status text NOT NULL CHECK (status IN ('running', 'done')),
    requested_by uuid,
    requested_at timestamptz NOT NULL,
    finished_at timestamptz,
    counts jsonb NOT NULL DEFAULT '{}',
    CHECK ((status = 'done') = (finished_at IS NOT NULL) AND (status = 'done') = (sealed_number IS NULL))
);
CREATE INDEX caller_deletions_newest ON caller_deletions (workspace_id, requested_at DESC, id DESC);
ALTER TABLE caller_deletions ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON caller_deletions
    USING ((SELECT current_scope() = 'platform') OR workspace_id = (SELECT current_workspace()));

CREATE TABLE workspace_exports (
    id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    status text NOT NULL CHECK (status IN ('running', 'ready', 'failed', 'deleted')),
    requested_by uuid,
    requested_at timestamptz NOT NULL,
    finished_at timestamptz,
    expires_at timestamptz NOT NULL,         -- the file is deleted then
    size_bytes bigint
);
CREATE INDEX workspace_exports_newest ON workspace_exports (workspace_id, requested_at DESC, id DESC);
CREATE INDEX workspace_exports_expiry ON workspace_exports (expires_at) WHERE status <> 'deleted';
ALTER TABLE workspace_exports ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON workspace_exports
    USING ((SELECT current_scope() = 'platform') OR workspace_id = (SELECT current_workspace()));

-- migrate:down
SET LOCAL lock_timeout = '5s';
DROP TABLE workspace_exports, caller_deletions, retention_progress;
