-- migrate:up
-- What is copied from connected vendors: contacts, by whose numbers callers are looked up, and appointments, which agents
-- also book; and how far each connection's sync got. No program has written these tables before.
SET LOCAL lock_timeout = '5s';

CREATE TABLE contacts (
    id uuid NOT NULL,
    workspace_id uuid NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    integration_id uuid NOT NULL REFERENCES integrations ON DELETE CASCADE,
    external_id text NOT NULL,
    name text NOT NULL DEFAULT '',
    first_name text NOT NULL DEFAULT '',
    company text NOT NULL DEFAULT '',
    email text NOT NULL DEFAULT '',
    phone text,                         -- E.164
    mobile_phone text,                  -- E.164
    seen_by uuid NOT NULL,              -- the sync that saw it last
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (id),
    UNIQUE (integration_id, external_id)
);
CREATE INDEX contacts_phone ON contacts (workspace_id, phone) WHERE phone IS NOT NULL;
CREATE INDEX contacts_mobile_phone ON contacts (workspace_id, mobile_phone) WHERE mobile_phone IS NOT NULL;
ALTER TABLE contacts ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON contacts USING (
    (SELECT current_scope() = 'platform') OR workspace_id = (SELECT current_workspace())
);

CREATE TABLE appointments (
    id uuid NOT NULL,
    workspace_id uuid NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    integration_id uuid NOT NULL REFERENCES integrations ON DELETE CASCADE,
    external_id text,                   -- NULL: not made at the vendor yet
    status text NOT NULL,
    title text NOT NULL DEFAULT '',
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    phone text,                         -- E.164 of the caller it was booked for
    call_id uuid,                       -- the call it was booked in; NULL: it was copied
    run_id text,                        -- the run of the tool within that call
    seen_by uuid,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (id),
    UNIQUE (integration_id, external_id),
    UNIQUE (call_id, run_id),
    CHECK (starts_at < ends_at),
    CONSTRAINT appointments_status_check CHECK (status IN ('booking', 'booked', 'failed', 'canceled'))
);
CREATE INDEX appointments_start ON appointments (integration_id, starts_at);
CREATE INDEX appointments_end ON appointments (ends_at);
CREATE INDEX appointments_phone ON appointments (workspace_id, phone, starts_at) WHERE phone IS NOT NULL;
ALTER TABLE appointments ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON appointments USING (
    (SELECT current_scope() = 'platform') OR workspace_id = (SELECT current_workspace())
);

CREATE TABLE integration_syncs (
    integration_id uuid NOT NULL REFERENCES integrations ON DELETE CASCADE,
    workspace_id uuid NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    positions jsonb NOT NULL DEFAULT '{}',  -- by the name of the sync: where it continues
    lease uuid,                         -- of the worker that runs the connection's syncs now
    lease_until timestamptz,
    PRIMARY KEY (integration_id)
);
CREATE INDEX integration_syncs_workspace ON integration_syncs (workspace_id);
ALTER TABLE integration_syncs ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON integration_syncs USING (
    (SELECT current_scope() = 'platform') OR workspace_id = (SELECT current_workspace())
);

-- One open sync of a kind for each connection.
CREATE UNIQUE INDEX integration_sync_logs_open ON integration_sync_logs (integration_id, sync_type)
    WHERE status IN ('queued', 'running');
CREATE INDEX integration_sync_logs_age ON integration_sync_logs (started_at);

-- migrate:down
SET LOCAL lock_timeout = '5s';
DROP INDEX integration_sync_logs_age;
DROP INDEX integration_sync_logs_open;
DROP TABLE integration_syncs;
DROP TABLE appointments;
DROP TABLE contacts;
