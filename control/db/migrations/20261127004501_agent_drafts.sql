-- migrate:up
-- The next version of an agent while its members work on it. Callers get agents.version until the draft is published.
SET LOCAL lock_timeout = '5s';

CREATE TABLE agent_drafts (
    agent_id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    base_version integer NOT NULL,           -- the version that the draft was begun from
    revision uuid NOT NULL,                  -- another one after each change
    name text NOT NULL,
    config jsonb NOT NULL,
    voice_provider text,
    voice_config jsonb NOT NULL DEFAULT '{}',
    tested_version integer,                  -- the version that holds this content for test calls
    updated_by uuid,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    FOREIGN KEY (workspace_id, agent_id) REFERENCES agents (workspace_id, id) ON DELETE CASCADE
);
ALTER TABLE agent_drafts ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON agent_drafts
    USING ((SELECT current_scope() = 'platform') OR workspace_id = (SELECT current_workspace()));

-- A version that only test calls had.
ALTER TABLE agent_versions ADD COLUMN is_draft boolean NOT NULL DEFAULT false;

-- migrate:down
SET LOCAL lock_timeout = '5s';
ALTER TABLE agent_versions DROP COLUMN is_draft;
DROP TABLE agent_drafts;
