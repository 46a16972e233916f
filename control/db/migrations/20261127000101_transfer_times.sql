-- migrate:up
-- Until when transferred calls of workspaces with a spending limit may go on: no media node ends them. A program before this one does not know the table; such
-- calls then go on until the carrier's own bound.
SET LOCAL lock_timeout = '5s';

CREATE TABLE transfer_times (
    call_id uuid NOT NULL REFERENCES calls ON DELETE CASCADE,
    workspace_id uuid NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    granted_until timestamptz NOT NULL,
    is_last boolean NOT NULL,           -- more was refused
    ended_at timestamptz,               -- when a job was last told to end the call
    PRIMARY KEY (call_id)
);
CREATE INDEX transfer_times_workspace ON transfer_times (workspace_id);
ALTER TABLE transfer_times ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON transfer_times USING (
    (SELECT current_scope() = 'platform') OR workspace_id = (SELECT current_workspace())
);

-- migrate:down
SET LOCAL lock_timeout = '5s';
DROP TABLE transfer_times;
