-- migrate:up
-- Messages that callers left by the tool take_message. They are deleted with their call.
SET LOCAL lock_timeout = '5s';

CREATE TABLE messages (
    id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    call_id uuid NOT NULL REFERENCES calls ON DELETE CASCADE,
    run_id text NOT NULL,                    -- of the tool: a run that is repeated stores no second message
    agent_id uuid NOT NULL,
    taken_at timestamptz NOT NULL,
    caller_name text NOT NULL,
    callback_number text NOT NULL,
    reason text NOT NULL,
    text text NOT NULL,
    is_urgent boolean NOT NULL,
    emailed_at timestamptz,                  -- its e-mails were enqueued
    UNIQUE (call_id, run_id)
);
CREATE INDEX messages_newest ON messages (workspace_id, taken_at DESC, id DESC);
ALTER TABLE messages ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON messages
    USING ((SELECT current_scope() = 'platform') OR workspace_id = (SELECT current_workspace()));

-- migrate:down
SET LOCAL lock_timeout = '5s';
DROP TABLE messages;
