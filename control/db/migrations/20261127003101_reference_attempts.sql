-- migrate:up
-- References of appointments that callers told, right or wrong, so that they cannot be guessed without end. Whose the
-- attempts are is the call's matter; they go with it. The programs before count nothing.
SET LOCAL lock_timeout = '5s';

CREATE TABLE reference_attempts (
    call_id uuid NOT NULL REFERENCES calls ON DELETE CASCADE,
    run_id text NOT NULL,                    -- of the tool, so that a repeat of it counts once
    workspace_id uuid NOT NULL,
    attempted_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (call_id, run_id)
);
CREATE INDEX reference_attempts_workspace ON reference_attempts (workspace_id, attempted_at);
ALTER TABLE reference_attempts ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON reference_attempts
    USING ((SELECT current_scope() = 'platform') OR workspace_id = (SELECT current_workspace()));

-- migrate:down
SET LOCAL lock_timeout = '5s';
DROP TABLE reference_attempts;
