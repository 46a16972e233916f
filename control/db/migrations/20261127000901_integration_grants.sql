-- migrate:up
-- Types of integrations as data that the staff edit, workspaces' grants with the lease of the one who refreshes, and the
-- OAuth flows that are under way. No program has written these tables before.
SET LOCAL lock_timeout = '5s';

ALTER TABLE integration_types
    ADD COLUMN version integer NOT NULL DEFAULT 1,
    ADD COLUMN is_shipped boolean NOT NULL DEFAULT false,
    ADD COLUMN updated_at timestamptz NOT NULL DEFAULT now();

ALTER TABLE integrations
    DROP CONSTRAINT integrations_status_check,
    ADD CONSTRAINT integrations_status_check CHECK (status IN ('connecting', 'connected', 'error', 'disconnected')),
    ADD COLUMN error text,                                  -- a code, such as grant_refused
    ADD COLUMN account text,                                -- whose account at the vendor it is, as the vendor names it
    ADD COLUMN scopes text[] NOT NULL DEFAULT '{}',         -- what the vendor granted
    ADD COLUMN grant_version integer NOT NULL DEFAULT 0,    -- counts the credentials that were stored
    ADD COLUMN refresh_lease uuid,                          -- of the flight that refreshes the grant now
    ADD COLUMN refresh_lease_until timestamptz,
    ADD COLUMN connected_at timestamptz,
    ADD COLUMN created_by uuid;

ALTER TABLE integration_sync_logs
    DROP CONSTRAINT integration_sync_logs_status_check,
    ADD CONSTRAINT integration_sync_logs_status_check CHECK (status IN ('queued', 'running', 'succeeded', 'failed')),
    ADD COLUMN progress jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN counts jsonb NOT NULL DEFAULT '{}';

CREATE TABLE oauth_states (
    id uuid NOT NULL,
    workspace_id uuid NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    integration_id uuid NOT NULL REFERENCES integrations ON DELETE CASCADE,
    user_id uuid NOT NULL,              -- the member who began, and who alone may confirm
    state_hash bytea NOT NULL UNIQUE,
    verifier bytea NOT NULL,            -- of PKCE, sealed
    expires_at timestamptz NOT NULL,
    used_at timestamptz,                -- when the vendor's redirect came
    confirmation_hash bytea UNIQUE,     -- of the code that the browser got; NULL: no token was obtained
    credentials bytea,                  -- sealed; they wait for the confirmation
    PRIMARY KEY (id)
);
CREATE INDEX oauth_states_workspace ON oauth_states (workspace_id);
CREATE INDEX oauth_states_integration ON oauth_states (integration_id);
CREATE INDEX oauth_states_expiry ON oauth_states (expires_at);
ALTER TABLE oauth_states ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON oauth_states USING (
    (SELECT current_scope() = 'platform') OR workspace_id = (SELECT current_workspace())
);

-- migrate:down
SET LOCAL lock_timeout = '5s';
DROP TABLE oauth_states;
ALTER TABLE integration_sync_logs
    DROP COLUMN counts,
    DROP COLUMN progress,
    DROP CONSTRAINT integration_sync_logs_status_check,
    ADD CONSTRAINT integration_sync_logs_status_check CHECK (status IN ('running', 'succeeded', 'failed')) NOT VALID;
ALTER TABLE integrations
    DROP COLUMN created_by,
    DROP COLUMN connected_at,
    DROP COLUMN refresh_lease_until,
    DROP COLUMN refresh_lease,
    DROP COLUMN grant_version,
    DROP COLUMN scopes,
    DROP COLUMN account,
    DROP COLUMN error,
    DROP CONSTRAINT integrations_status_check,
    ADD CONSTRAINT integrations_status_check CHECK (status IN ('pending', 'connected', 'error', 'disconnected')) NOT VALID;
ALTER TABLE integration_types
    DROP COLUMN updated_at,
    DROP COLUMN is_shipped,
    DROP COLUMN version;
