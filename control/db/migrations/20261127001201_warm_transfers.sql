-- migrate:up
-- Calls to the targets of warm transfers. A program before this one offers no such transfers.
SET LOCAL lock_timeout = '5s';

CREATE TABLE warm_transfers (
    id uuid NOT NULL PRIMARY KEY,
    workspace_id uuid NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    call_id uuid NOT NULL REFERENCES calls ON DELETE CASCADE,
    run_id text NOT NULL,               -- of the tool: the same run never calls twice
    carrier text NOT NULL,
    number text NOT NULL,
    language text NOT NULL,
    brief text NOT NULL,                -- what the target hears; emptied when it was heard or the call is over
    status text NOT NULL CHECK (status IN ('calling', 'asking', 'accepted', 'failed', 'over')),
    failure text,
    leg_id text,                        -- the carrier's id of the target's leg
    conference text,                    -- the carrier's name, or id, of the conference
    created_at timestamptz NOT NULL,
    UNIQUE (call_id, run_id)
);
CREATE INDEX warm_transfers_workspace ON warm_transfers (workspace_id);
CREATE INDEX warm_transfers_leg ON warm_transfers (leg_id) WHERE status IN ('calling', 'asking', 'accepted');
ALTER TABLE warm_transfers ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON warm_transfers USING (
    (SELECT current_scope() = 'platform') OR workspace_id = (SELECT current_workspace())
);

-- migrate:down
SET LOCAL lock_timeout = '5s';
DROP TABLE warm_transfers;
