-- migrate:up
-- Webhooks to systems of customers: where they go, what happened, who is still to be told, and each attempt. An event is
-- inserted in the transaction of the fact that it reports, with a delivery for each endpoint that wants it.
SET LOCAL lock_timeout = '5s';

CREATE TABLE outbound_webhook_endpoints (
    id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    url text NOT NULL,
    description text NOT NULL,
    event_types text[],                      -- NULL: all, those of later versions, too
    is_enabled boolean NOT NULL,
    disabled_reason text,                    -- 'failing', 'gone'; NULL: enabled, or disabled by a member
    sealed_secret bytea NOT NULL,
    sealed_old_secret bytea,                 -- signs beside the new one until old_secret_until
    old_secret_until timestamptz,
    failing_since timestamptz,               -- the first failure since the last success
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE INDEX outbound_webhook_endpoints_workspace ON outbound_webhook_endpoints (workspace_id, created_at, id);
ALTER TABLE outbound_webhook_endpoints ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON outbound_webhook_endpoints
    USING ((SELECT current_scope() = 'platform') OR workspace_id = (SELECT current_workspace()));

CREATE TABLE outbound_webhook_events (
    id uuid PRIMARY KEY,                     -- the header webhook-id
    workspace_id uuid NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    type text NOT NULL,
    api_version text NOT NULL,               -- of `data`
    object_id uuid NOT NULL,                 -- what it is about: `sequence` orders the events of one object
    call_id uuid,                            -- with whose caller its data is deleted
    occurred_at timestamptz NOT NULL,
    sequence bigint NOT NULL,
    data jsonb NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE INDEX outbound_webhook_events_object ON outbound_webhook_events (workspace_id, object_id, sequence);
CREATE INDEX outbound_webhook_events_call ON outbound_webhook_events (workspace_id, call_id) WHERE call_id IS NOT NULL;
CREATE INDEX outbound_webhook_events_oldest ON outbound_webhook_events (created_at);
ALTER TABLE outbound_webhook_events ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON outbound_webhook_events
    USING ((SELECT current_scope() = 'platform') OR workspace_id = (SELECT current_workspace()));

-- No reference to the endpoint: one that is deleted meanwhile must not fail the transaction of a call.
CREATE TABLE outbound_webhook_deliveries (
    id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    endpoint_id uuid NOT NULL,
    event_id uuid NOT NULL REFERENCES outbound_webhook_events ON DELETE CASCADE,
    status text NOT NULL CHECK (status IN ('pending', 'delivered', 'failed')),
    attempts integer NOT NULL,               -- in all
    failures integer NOT NULL,               -- since it was enqueued or replayed: from it follows the next wait
    due_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,         -- it fails for good afterwards
    leased_until timestamptz,                -- a worker is sending it
    created_at timestamptz NOT NULL,
    finished_at timestamptz
);
CREATE INDEX outbound_webhook_deliveries_due ON outbound_webhook_deliveries (endpoint_id, due_at, id)
    WHERE status = 'pending';
CREATE INDEX outbound_webhook_deliveries_leased ON outbound_webhook_deliveries (leased_until)
    WHERE leased_until IS NOT NULL;
CREATE INDEX outbound_webhook_deliveries_expiring ON outbound_webhook_deliveries (expires_at) WHERE status = 'pending';
CREATE INDEX outbound_webhook_deliveries_newest ON outbound_webhook_deliveries (endpoint_id, created_at DESC, id DESC);
CREATE INDEX outbound_webhook_deliveries_event ON outbound_webhook_deliveries (event_id);
ALTER TABLE outbound_webhook_deliveries ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON outbound_webhook_deliveries
    USING ((SELECT current_scope() = 'platform') OR workspace_id = (SELECT current_workspace()));

CREATE TABLE outbound_webhook_attempts (
    delivery_id uuid NOT NULL REFERENCES outbound_webhook_deliveries ON DELETE CASCADE,
    number integer NOT NULL,
    workspace_id uuid NOT NULL,
    started_at timestamptz NOT NULL,
    took_ms integer NOT NULL,
    status_code integer,                     -- NULL: there was no answer
    error text,                              -- NULL: it was accepted
    answer text NOT NULL,                    -- the beginning of the body
    PRIMARY KEY (delivery_id, number)
);
ALTER TABLE outbound_webhook_attempts ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON outbound_webhook_attempts
    USING ((SELECT current_scope() = 'platform') OR workspace_id = (SELECT current_workspace()));

-- migrate:down
SET LOCAL lock_timeout = '5s';
DROP TABLE outbound_webhook_attempts;
DROP TABLE outbound_webhook_deliveries;
DROP TABLE outbound_webhook_events;
DROP TABLE outbound_webhook_endpoints;
