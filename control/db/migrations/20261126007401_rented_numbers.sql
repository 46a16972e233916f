-- migrate:up
-- Phone numbers of purged workspaces: phone_numbers is deleted with the workspace, but its last period is closed later,
-- and computes the periods before once more. Programs before this one keep none, and read none.
SET LOCAL lock_timeout = '5s';
CREATE TABLE rented_numbers (
    id uuid PRIMARY KEY,                          -- the phone number's
    workspace_id uuid NOT NULL,
    phone_number text NOT NULL,
    since timestamptz NOT NULL,
    until timestamptz NOT NULL,                   -- a workspace is purged when it has no number any more
    monthly_price numeric(12, 4) NOT NULL
);
CREATE INDEX rented_numbers_workspace ON rented_numbers (workspace_id, until);
ALTER TABLE rented_numbers ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON rented_numbers USING (
    (SELECT current_scope() = 'platform') OR workspace_id = (SELECT current_workspace())
);

-- migrate:down
SET LOCAL lock_timeout = '5s';
DROP TABLE rented_numbers;
