-- migrate:up
-- Requests of running calls that have an effect: each is run once under its idempotency key, also when the call is
-- resumed on another node and asks again. The outcome is deleted with the call.
SET LOCAL lock_timeout = '5s';

CREATE TABLE tool_runs (
    call_id uuid NOT NULL REFERENCES calls ON DELETE CASCADE,
    run_id text NOT NULL,
    workspace_id uuid NOT NULL,
    name text NOT NULL,                      -- of the request
    attempt integer NOT NULL DEFAULT 1,
    started_at timestamptz NOT NULL DEFAULT now(),
    lease_until timestamptz NOT NULL,        -- renewed by the process that runs it
    finished_at timestamptz,
    ok boolean,
    outcome bytea,                           -- sealed: result or refusal
    PRIMARY KEY (call_id, run_id)
);
CREATE INDEX tool_runs_started ON tool_runs (started_at);
ALTER TABLE tool_runs ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON tool_runs
    USING ((SELECT current_scope() = 'platform') OR workspace_id = (SELECT current_workspace()));

-- migrate:down
SET LOCAL lock_timeout = '5s';
DROP TABLE tool_runs;
