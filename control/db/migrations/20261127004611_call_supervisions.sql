-- migrate:up
-- Sessions in which a person listens to a running call, whispers to its agent, or speaks in its place.
SET LOCAL lock_timeout = '5s';

CREATE TABLE call_supervisions (
    id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    call_id uuid NOT NULL,
    mode text NOT NULL CHECK (mode IN ('listen', 'whisper', 'speak')),
    actor text NOT NULL CHECK (actor IN ('user', 'api_key', 'admin')),
    actor_id uuid NOT NULL,                  -- of the user, the key, or the member of the staff
    actor_email text NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,         -- of the token
    began_at timestamptz,                    -- NULL: nobody has used the token
    ended_at timestamptz,
    end_reason text,
    heard_ms integer NOT NULL DEFAULT 0,
    spoken_ms integer NOT NULL DEFAULT 0
);
CREATE INDEX call_supervisions_call ON call_supervisions (call_id, created_at);
CREATE INDEX call_supervisions_open ON call_supervisions (workspace_id, created_at) WHERE ended_at IS NULL;
ALTER TABLE call_supervisions ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON call_supervisions
    USING ((SELECT current_scope() = 'platform') OR workspace_id = (SELECT current_workspace()));

-- migrate:down
SET LOCAL lock_timeout = '5s';
DROP TABLE call_supervisions;
