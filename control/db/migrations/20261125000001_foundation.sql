-- migrate:up
-- The whole product's records. Tables of a workspace carry workspace_id and row-level security; what is money or proof
-- (usage_records, audit_log, agent_versions) is only ever appended to.
SET LOCAL lock_timeout = '5s';

CREATE EXTENSION IF NOT EXISTS pg_trgm;

-- The programs act as this role, which row-level security binds; migrations run as the database's owner.
DO $$
BEGIN
    CREATE ROLE vocalized_app NOLOGIN NOSUPERUSER NOBYPASSRLS;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;
END
$$;
GRANT vocalized_app TO CURRENT_USER;
GRANT USAGE ON SCHEMA public TO vocalized_app;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO vocalized_app;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO vocalized_app;

-- --- who asks: set for one transaction, read by the policies ---

CREATE FUNCTION current_scope() RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
    RETURN current_setting('vocalized.scope', true);
CREATE FUNCTION current_workspace() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('vocalized.workspace_id', true), '')::uuid;
CREATE FUNCTION current_person() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('vocalized.user_id', true), '')::uuid;

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END
$$;

-- --- platform ---

CREATE TABLE admins (
    id uuid PRIMARY KEY,
    email text NOT NULL CHECK (email = lower(email)),
    name text NOT NULL,
    role text NOT NULL CHECK (role IN ('super_admin', 'support', 'finance', 'read_only')),
    password_hash text NOT NULL,
    totp_secret bytea,                       -- sealed; pending until totp_enabled_at
    totp_enabled_at timestamptz,
    totp_last_step bigint NOT NULL DEFAULT 0, -- a code is taken once
    failed_logins integer NOT NULL DEFAULT 0,
    locked_until timestamptz,
    is_active boolean NOT NULL DEFAULT true,
    last_login_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX admins_email ON admins (email);

CREATE TABLE settings (
    key text PRIMARY KEY,
    value jsonb NOT NULL,
    description text NOT NULL DEFAULT '',
    updated_at timestamptz NOT NULL DEFAULT now(),
    updated_by uuid
);

CREATE TABLE tiers (
    tier_name text PRIMARY KEY CHECK (tier_name ~ '^[a-z][a-z0-9_]{0,39}$'),
    display_name text NOT NULL,
    monthly_fee numeric(12, 2) NOT NULL CHECK (monthly_fee >= 0),
    included_minutes integer NOT NULL CHECK (included_minutes >= 0),
    price_per_minute numeric(12, 6) NOT NULL CHECK (price_per_minute >= 0),
    max_agents integer NOT NULL CHECK (max_agents >= 0),
    max_members integer NOT NULL CHECK (max_members >= 1),
    max_phone_numbers integer NOT NULL CHECK (max_phone_numbers >= 0),
    max_concurrent_calls integer NOT NULL CHECK (max_concurrent_calls >= 1),
    features jsonb NOT NULL DEFAULT '{}',
    is_available boolean NOT NULL DEFAULT true, -- may be chosen for a workspace
    position integer NOT NULL DEFAULT 0,
    stripe_price_id text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE audit_log (
    id uuid PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT now(),
    actor text NOT NULL CHECK (actor IN ('admin', 'user', 'system')),
    actor_id uuid,
    actor_email text,
    action text NOT NULL,
    resource_type text NOT NULL,
    resource_id text NOT NULL,
    workspace_id uuid,                       -- no reference: the log outlives what it tells of
    details jsonb NOT NULL DEFAULT '{}',     -- {"before": …, "after": …, "reason": …}, secrets masked
    request_id text,
    address inet
);
CREATE INDEX audit_log_at ON audit_log (at DESC, id DESC);
CREATE INDEX audit_log_actor ON audit_log (actor_id, at DESC);
CREATE INDEX audit_log_action ON audit_log (action, at DESC);
CREATE INDEX audit_log_workspace ON audit_log (workspace_id, at DESC) WHERE workspace_id IS NOT NULL;
CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- --- accounts ---

CREATE TABLE users (
    id uuid PRIMARY KEY,
    email text NOT NULL CHECK (email = lower(email)),
    name text NOT NULL,
    password_hash text NOT NULL,
    email_verified_at timestamptz,
    failed_logins integer NOT NULL DEFAULT 0,
    locked_until timestamptz,
    is_active boolean NOT NULL DEFAULT true,
    last_login_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX users_email ON users (email);
CREATE INDEX users_created ON users (created_at DESC, id DESC);
CREATE INDEX users_search ON users USING gin (email gin_trgm_ops, name gin_trgm_ops);

-- A session is one sign-in; its refresh tokens are a family: one of them used twice ends the session.
CREATE TABLE sessions (
    id uuid PRIMARY KEY,
    user_id uuid REFERENCES users ON DELETE CASCADE,
    admin_id uuid REFERENCES admins ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    revoked_why text,
    address inet,
    user_agent text,
    CHECK (num_nonnulls(user_id, admin_id) = 1)
);
CREATE INDEX sessions_user ON sessions (user_id) WHERE revoked_at IS NULL;
CREATE INDEX sessions_admin ON sessions (admin_id) WHERE revoked_at IS NULL;
CREATE INDEX sessions_expiry ON sessions (expires_at);

CREATE TABLE refresh_tokens (
    token_hash bytea PRIMARY KEY,            -- SHA-256
    session_id uuid NOT NULL REFERENCES sessions ON DELETE CASCADE,
    issued_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    used_at timestamptz
);
CREATE INDEX refresh_tokens_session ON refresh_tokens (session_id);

CREATE TABLE one_time_tokens (
    token_hash bytea PRIMARY KEY,            -- SHA-256
    purpose text NOT NULL CHECK (purpose IN ('verify_email', 'reset_password')),
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    email text NOT NULL,                     -- the address that it was sent to
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    used_at timestamptz
);
CREATE INDEX one_time_tokens_user ON one_time_tokens (user_id, purpose);
CREATE INDEX one_time_tokens_expiry ON one_time_tokens (expires_at);

-- The answer of a request that carried an Idempotency-Key, written in the request's own transaction.
CREATE TABLE idempotency_keys (
    scope text NOT NULL,                     -- who asked
    key text NOT NULL,
    request_hash bytea NOT NULL,
    status smallint NOT NULL,
    answer bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (scope, key)
);
CREATE INDEX idempotency_keys_created ON idempotency_keys (created_at);

-- --- workspaces ---

CREATE TABLE workspaces (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    industry text,
    timezone text NOT NULL DEFAULT 'UTC',
    status text NOT NULL CHECK (status IN ('trial', 'active', 'suspended')),
    status_before text CHECK (status_before IN ('trial', 'active')), -- what a suspended one goes back to
    tier_name text NOT NULL REFERENCES tiers,
    trial_ends_at timestamptz,
    suspended_at timestamptz,
    suspended_why text,
    deleted_at timestamptz,
    purge_after timestamptz,                 -- set with deleted_at; until then it can be restored
    settings jsonb NOT NULL DEFAULT '{}',    -- consent, retention, numbers allowed
    stripe_customer_id text,
    stripe_subscription_id text,
    created_by uuid,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CHECK ((deleted_at IS NULL) = (purge_after IS NULL))
);
CREATE INDEX workspaces_created ON workspaces (created_at DESC, id DESC) WHERE deleted_at IS NULL;
CREATE INDEX workspaces_status ON workspaces (status, created_at DESC) WHERE deleted_at IS NULL;
CREATE INDEX workspaces_tier ON workspaces (tier_name);
CREATE INDEX workspaces_search ON workspaces USING gin (name gin_trgm_ops);
CREATE INDEX workspaces_purge ON workspaces (purge_after) WHERE purge_after IS NOT NULL;
CREATE UNIQUE INDEX workspaces_stripe ON workspaces (stripe_customer_id) WHERE stripe_customer_id IS NOT NULL;

CREATE TABLE workspace_members (
    workspace_id uuid NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    role text NOT NULL CHECK (role IN ('owner', 'admin', 'member', 'viewer')),
    invited_by uuid,
    joined_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, user_id)
);
CREATE INDEX workspace_members_user ON workspace_members (user_id);
CREATE INDEX workspace_members_owner ON workspace_members (workspace_id, joined_at) WHERE role = 'owner';

CREATE TABLE invitations (
    id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    email text NOT NULL CHECK (email = lower(email)),
    role text NOT NULL CHECK (role IN ('owner', 'admin', 'member', 'viewer')),
    token_hash bytea NOT NULL,               -- SHA-256
    invited_by uuid REFERENCES users ON DELETE SET NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    accepted_at timestamptz,
    revoked_at timestamptz
);
CREATE UNIQUE INDEX invitations_token ON invitations (token_hash);
CREATE UNIQUE INDEX invitations_open ON invitations (workspace_id, email)
    WHERE accepted_at IS NULL AND revoked_at IS NULL;

-- Every change of status or tier, for churn and for the story of a workspace.
CREATE TABLE workspace_changes (
    id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    status text NOT NULL,                    -- as it was after the change: trial, active, suspended or deleted
    tier_name text NOT NULL,
    monthly_fee numeric(12, 2) NOT NULL      -- of that tier at that time
);
CREATE INDEX workspace_changes_at ON workspace_changes (at);
CREATE INDEX workspace_changes_workspace ON workspace_changes (workspace_id, at DESC);

-- --- agents and numbers ---

CREATE TABLE agent_templates (
    id uuid PRIMARY KEY,
    slug text,                               -- of those that the product ships with
    name text NOT NULL,
    industry text,
    description text NOT NULL DEFAULT '',
    default_config jsonb NOT NULL,
    is_public boolean NOT NULL DEFAULT false,
    created_by uuid,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz
);
CREATE UNIQUE INDEX agent_templates_slug ON agent_templates (slug) WHERE slug IS NOT NULL;
CREATE INDEX agent_templates_industry ON agent_templates (industry) WHERE deleted_at IS NULL AND is_public;

CREATE TABLE agents (
    id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    name text NOT NULL,
    status text NOT NULL DEFAULT 'draft' CHECK (status IN ('draft', 'live', 'paused')),
    template_id uuid REFERENCES agent_templates,
    version integer NOT NULL DEFAULT 1,      -- the one in force
    activated_at timestamptz,
    created_by uuid,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz,
    UNIQUE (workspace_id, id)
);
CREATE INDEX agents_workspace ON agents (workspace_id, created_at DESC) WHERE deleted_at IS NULL;
CREATE INDEX agents_template ON agents (template_id) WHERE deleted_at IS NULL;
CREATE INDEX agents_live ON agents (workspace_id) WHERE status = 'live' AND deleted_at IS NULL;
CREATE UNIQUE INDEX agents_name ON agents (workspace_id, lower(name)) WHERE deleted_at IS NULL;

CREATE TABLE agent_versions (
    agent_id uuid NOT NULL,
    version integer NOT NULL CHECK (version >= 1),
    workspace_id uuid NOT NULL,
    name text NOT NULL,
    config jsonb NOT NULL,                   -- the published JSON Schema's agent config
    voice_provider text,
    voice_config jsonb NOT NULL DEFAULT '{}',
    created_by uuid,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (agent_id, version),
    FOREIGN KEY (workspace_id, agent_id) REFERENCES agents (workspace_id, id) ON DELETE CASCADE
);
CREATE TRIGGER agent_versions_immutable BEFORE UPDATE ON agent_versions
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TABLE phone_numbers (
    id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    phone_number text NOT NULL CHECK (phone_number ~ '^\+[1-9][0-9]{1,14}$'),
    friendly_name text NOT NULL DEFAULT '',
    carrier text NOT NULL CHECK (carrier IN ('twilio', 'telnyx', 'simulated')),
    carrier_number_id text,
    status text NOT NULL CHECK (status IN ('buying', 'active', 'releasing', 'released', 'failed')),
    agent_id uuid,
    country text,
    capabilities jsonb NOT NULL DEFAULT '{}',
    monthly_price numeric(12, 4) NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    released_at timestamptz,
    FOREIGN KEY (workspace_id, agent_id) REFERENCES agents (workspace_id, id) ON DELETE SET NULL (agent_id)
);
CREATE UNIQUE INDEX phone_numbers_number ON phone_numbers (phone_number)
    WHERE status IN ('buying', 'active', 'releasing');
CREATE UNIQUE INDEX phone_numbers_agent ON phone_numbers (agent_id)
    WHERE agent_id IS NOT NULL AND status IN ('buying', 'active');
CREATE INDEX phone_numbers_workspace ON phone_numbers (workspace_id, created_at DESC);

-- --- calls ---

CREATE TABLE calls (
    id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    agent_id uuid,
    agent_version integer,
    phone_number_id uuid,
    direction text NOT NULL CHECK (direction IN ('inbound', 'outbound')),
    is_test boolean NOT NULL DEFAULT false,
    carrier text NOT NULL CHECK (carrier IN ('twilio', 'telnyx', 'browser', 'simulated')),
    carrier_call_id text,
    caller_number text,
    called_number text,
    status text NOT NULL CHECK (status IN
        ('queued', 'ringing', 'in_progress', 'completed', 'failed', 'busy', 'no_answer', 'canceled')),
    end_reason text CHECK (end_reason IN
        ('caller_hangup', 'agent_hangup', 'transferred', 'voicemail', 'max_duration', 'silence', 'spend_limit',
         'admin', 'carrier_error', 'provider_error', 'media_lost')),
    end_detail text,
    media_node text,
    created_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,                  -- ringing or dialled
    answered_at timestamptz,
    ended_at timestamptz,
    duration_seconds integer NOT NULL DEFAULT 0,
    recording_key text,                      -- in object storage
    recording_seconds numeric(10, 3),
    transcription text,
    summary text,
    sentiment text CHECK (sentiment IN ('positive', 'neutral', 'negative')),
    cost_total numeric(14, 6) NOT NULL DEFAULT 0, -- what the customer pays: the sum of its usage_records
    details jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX calls_workspace ON calls (workspace_id, created_at DESC, id DESC);
CREATE INDEX calls_agent ON calls (workspace_id, agent_id, created_at DESC);
CREATE INDEX calls_created ON calls (created_at DESC, id DESC);
CREATE INDEX calls_open ON calls (workspace_id, created_at) WHERE status IN ('queued', 'ringing', 'in_progress');
CREATE UNIQUE INDEX calls_carrier ON calls (carrier, carrier_call_id) WHERE carrier_call_id IS NOT NULL;

CREATE TABLE call_words (
    call_id uuid PRIMARY KEY REFERENCES calls ON DELETE CASCADE,
    workspace_id uuid NOT NULL,
    words jsonb NOT NULL                     -- [{"speaker", "text", "start_ms", "end_ms"}], as heard
);

CREATE TABLE call_events (
    call_id uuid NOT NULL,
    seq integer NOT NULL CHECK (seq >= 0),
    workspace_id uuid NOT NULL,
    at timestamptz NOT NULL,
    event_type text NOT NULL,
    event_data jsonb NOT NULL,
    PRIMARY KEY (call_id, seq, at)
) PARTITION BY RANGE (at);
CREATE TABLE call_events_default PARTITION OF call_events DEFAULT;

-- The only source of money: what was used, what it costs us and what the customer pays.
CREATE TABLE usage_records (
    id uuid NOT NULL,
    workspace_id uuid NOT NULL,              -- no reference: the ledger outlives what it charges
    call_id uuid,
    agent_id uuid,
    at timestamptz NOT NULL,
    resource_type text NOT NULL CHECK (resource_type IN
        ('call_minutes', 'telephony', 'stt', 'llm', 'tts', 'phone_number', 'subscription', 'storage', 'credit')),
    provider text NOT NULL DEFAULT '',
    quantity numeric(18, 6) NOT NULL,
    unit text NOT NULL,
    cost numeric(18, 9) NOT NULL,            -- ours
    price numeric(18, 9) NOT NULL,           -- the customer's
    details jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (id, at)
) PARTITION BY RANGE (at);
CREATE TABLE usage_records_default PARTITION OF usage_records DEFAULT;
CREATE INDEX usage_records_workspace ON usage_records (workspace_id, at);
CREATE INDEX usage_records_call ON usage_records (call_id) WHERE call_id IS NOT NULL;
CREATE TRIGGER usage_records_append_only BEFORE UPDATE OR DELETE ON usage_records
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- --- roll-ups: written by the worker from calls and usage_records, a whole day of a workspace at a time ---

CREATE TABLE rollup_dirty (
    workspace_id uuid NOT NULL,
    day date NOT NULL,                       -- UTC
    marked_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, day)
);

CREATE TABLE workspace_daily (
    workspace_id uuid NOT NULL,
    day date NOT NULL,                       -- UTC, by calls.created_at and usage_records.at; test calls do not count
    calls integer NOT NULL,
    seconds bigint NOT NULL,
    price numeric(18, 9) NOT NULL,
    cost numeric(18, 9) NOT NULL,
    by_status jsonb NOT NULL,                -- {"completed": 12, …}
    by_direction jsonb NOT NULL,
    by_carrier jsonb NOT NULL,
    by_hour integer[] NOT NULL CHECK (cardinality(by_hour) = 24),
    PRIMARY KEY (workspace_id, day)
);
CREATE INDEX workspace_daily_day ON workspace_daily (day);

CREATE TABLE agent_daily (
    workspace_id uuid NOT NULL,
    agent_id uuid NOT NULL,
    day date NOT NULL,
    calls integer NOT NULL,
    completed integer NOT NULL,
    seconds bigint NOT NULL,
    PRIMARY KEY (workspace_id, agent_id, day)
);

CREATE TABLE usage_daily (
    workspace_id uuid NOT NULL,
    day date NOT NULL,
    resource_type text NOT NULL,
    provider text NOT NULL,
    quantity numeric(18, 6) NOT NULL,
    calls integer NOT NULL,                  -- that used it
    cost numeric(18, 9) NOT NULL,
    price numeric(18, 9) NOT NULL,
    PRIMARY KEY (workspace_id, day, resource_type, provider)
);
CREATE INDEX usage_daily_day ON usage_daily (day);

CREATE TABLE workspace_totals (
    workspace_id uuid PRIMARY KEY,
    calls bigint NOT NULL,
    seconds bigint NOT NULL,
    price numeric(18, 9) NOT NULL,
    cost numeric(18, 9) NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE agent_totals (
    agent_id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    calls bigint NOT NULL,
    completed bigint NOT NULL,
    seconds bigint NOT NULL
);

-- Of all workspaces together: what the admin dashboards read.
CREATE TABLE platform_daily (
    day date PRIMARY KEY,
    calls integer NOT NULL,
    seconds bigint NOT NULL,
    price numeric(18, 9) NOT NULL,
    cost numeric(18, 9) NOT NULL,
    by_status jsonb NOT NULL,
    by_direction jsonb NOT NULL,
    by_carrier jsonb NOT NULL,
    by_provider jsonb NOT NULL,              -- {"deepgram": calls, …}
    price_by_tier jsonb NOT NULL,            -- by the tier that the workspace has now
    by_hour integer[] NOT NULL CHECK (cardinality(by_hour) = 24)
);

-- --- providers and voice ---

CREATE TABLE providers (
    provider text PRIMARY KEY,
    is_enabled boolean NOT NULL DEFAULT true,
    priority integer NOT NULL DEFAULT 100,
    cost_per_unit jsonb NOT NULL DEFAULT '{}',
    config jsonb NOT NULL DEFAULT '{}',
    api_key bytea,                           -- sealed
    health_status text NOT NULL DEFAULT 'unknown'
        CHECK (health_status IN ('unknown', 'healthy', 'degraded', 'down')),
    latency_ms integer,
    error_rate numeric(6, 4),
    last_check timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE workspace_providers (
    workspace_id uuid NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    provider text NOT NULL,
    is_enabled boolean NOT NULL DEFAULT true,
    uses_platform_key boolean NOT NULL DEFAULT true,
    api_key bytea,                           -- sealed
    config jsonb NOT NULL DEFAULT '{}',
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, provider)
);

CREATE TABLE voice_strategies (
    workspace_id uuid PRIMARY KEY REFERENCES workspaces ON DELETE CASCADE,
    strategy text NOT NULL,
    config jsonb NOT NULL DEFAULT '{}',
    fallback_enabled boolean NOT NULL DEFAULT true,
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- --- integrations ---

CREATE TABLE integration_types (
    type text PRIMARY KEY,
    name text NOT NULL,
    description text NOT NULL DEFAULT '',
    auth_type text NOT NULL CHECK (auth_type IN ('oauth2', 'api_key', 'webhook', 'none')),
    config jsonb NOT NULL DEFAULT '{}',
    secrets bytea,                           -- sealed: OAuth client secret and the like
    is_enabled boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE integrations (
    id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    integration_type text NOT NULL REFERENCES integration_types,
    name text NOT NULL,
    status text NOT NULL CHECK (status IN ('pending', 'connected', 'error', 'disconnected')),
    config jsonb NOT NULL DEFAULT '{}',
    credentials bytea,                       -- sealed
    credentials_expire_at timestamptz,
    last_sync_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX integrations_workspace ON integrations (workspace_id, created_at DESC);
CREATE INDEX integrations_type ON integrations (integration_type);

CREATE TABLE integration_sync_logs (
    id uuid PRIMARY KEY,
    integration_id uuid NOT NULL REFERENCES integrations ON DELETE CASCADE,
    workspace_id uuid NOT NULL,
    sync_type text NOT NULL,
    status text NOT NULL CHECK (status IN ('running', 'succeeded', 'failed')),
    records_synced integer NOT NULL DEFAULT 0,
    error text,
    started_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz
);
CREATE INDEX integration_sync_logs_integration ON integration_sync_logs (integration_id, started_at DESC);

-- --- billing ---

CREATE TABLE billing_settings (
    workspace_id uuid PRIMARY KEY REFERENCES workspaces ON DELETE CASCADE,
    usage_limit_monthly numeric(12, 2),
    alert_threshold_percentage integer NOT NULL DEFAULT 80 CHECK (alert_threshold_percentage BETWEEN 1 AND 100),
    auto_pause_on_limit boolean NOT NULL DEFAULT false,
    billing_email text,
    stripe_payment_method_id text,
    payment_method_last4 text,
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE billing_periods (
    id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,              -- no reference, like every record of money
    period_start timestamptz NOT NULL,
    period_end timestamptz NOT NULL,
    tier_name text NOT NULL,
    subscription_fee numeric(12, 2) NOT NULL,
    usage_total numeric(18, 9) NOT NULL DEFAULT 0,
    total_amount numeric(14, 2) NOT NULL DEFAULT 0,
    status text NOT NULL CHECK (status IN ('open', 'closing', 'pending', 'paid', 'overdue', 'void')),
    closed_at timestamptz,
    CHECK (period_end > period_start),
    UNIQUE (workspace_id, period_start)
);

CREATE TABLE invoices (
    id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    billing_period_id uuid REFERENCES billing_periods,
    stripe_invoice_id text,
    amount numeric(14, 2) NOT NULL,
    currency text NOT NULL DEFAULT 'usd',
    status text NOT NULL CHECK (status IN ('draft', 'pending', 'paid', 'overdue', 'void', 'uncollectible')),
    period_start timestamptz NOT NULL,
    period_end timestamptz NOT NULL,
    invoice_pdf_url text,
    due_at timestamptz,
    paid_at timestamptz,
    voided_at timestamptz,
    voided_why text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX invoices_stripe ON invoices (stripe_invoice_id) WHERE stripe_invoice_id IS NOT NULL;
CREATE INDEX invoices_workspace ON invoices (workspace_id, period_start DESC);
CREATE INDEX invoices_status ON invoices (status, period_start DESC);

-- Verified, stored once, answered; handled later.
CREATE TABLE webhook_events (
    source text NOT NULL CHECK (source IN ('stripe', 'twilio', 'telnyx')),
    event_id text NOT NULL,
    event_type text NOT NULL,
    payload jsonb NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    handled_at timestamptz,
    attempts integer NOT NULL DEFAULT 0,
    last_error text,
    PRIMARY KEY (source, event_id)
);
CREATE INDEX webhook_events_open ON webhook_events (received_at) WHERE handled_at IS NULL;

-- --- partitions: made ahead by `migrate` and by the worker ---

CREATE FUNCTION ensure_partitions(months_ahead integer DEFAULT 2) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    parent text;
    month date;
    made integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('ensure_partitions'));
    FOREACH parent IN ARRAY ARRAY['call_events', 'usage_records'] LOOP
        FOR ahead IN 0..months_ahead LOOP
            month := (date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => ahead))::date;
            IF to_regclass(format('%I', parent || to_char(month, '_YYYY_MM'))) IS NULL THEN
                EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)',
                    parent || to_char(month, '_YYYY_MM'), parent,
                    month::timestamp AT TIME ZONE 'UTC', (month + interval '1 month') AT TIME ZONE 'UTC');
                -- The parent's policies do not hold for a partition that is asked by its own name: nobody may.
                EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', parent || to_char(month, '_YYYY_MM'));
                made := made + 1;
            END IF;
        END LOOP;
    END LOOP;
    RETURN made;
END
$$;

-- --- who may: one query a request that checks the session, tells the role and sets what the policies read ---

CREATE FUNCTION enter_scope(scope text, workspace uuid, person uuid) RETURNS void
    LANGUAGE sql VOLATILE AS $$
    SELECT set_config('vocalized.scope', scope, true),
           set_config('vocalized.workspace_id', coalesce(workspace::text, ''), true),
           set_config('vocalized.user_id', coalesce(person::text, ''), true);
$$;

-- No row: the session is over or its user may not sign in. `role` is null without a workspace, or for no member of it.
CREATE FUNCTION authorise_user(session uuid, workspace uuid, OUT user_id uuid, OUT email text, OUT name text,
                               OUT is_verified boolean, OUT role text, OUT workspace_status text)
    RETURNS SETOF record LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    SELECT u.id, u.email, u.name, u.email_verified_at IS NOT NULL, m.role, w.status
        INTO user_id, email, name, is_verified, role, workspace_status
        FROM sessions s
        JOIN users u ON u.id = s.user_id
        LEFT JOIN workspaces w ON w.id = workspace AND w.deleted_at IS NULL
        LEFT JOIN workspace_members m ON m.workspace_id = w.id AND m.user_id = u.id
        WHERE s.id = session AND s.revoked_at IS NULL AND s.expires_at > now() AND u.is_active;
    IF FOUND THEN
        PERFORM enter_scope(CASE WHEN role IS NULL THEN 'user' ELSE 'tenant' END,
                            CASE WHEN role IS NULL THEN NULL ELSE workspace END, user_id);
        RETURN NEXT;
    END IF;
END
$$;

CREATE FUNCTION authorise_admin(session uuid)
    RETURNS TABLE (admin_id uuid, email text, name text, role text)
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    RETURN QUERY
        SELECT a.id, a.email, a.name, a.role
        FROM sessions s JOIN admins a ON a.id = s.admin_id
        WHERE s.id = session AND s.revoked_at IS NULL AND s.expires_at > now() AND a.is_active;
    IF FOUND THEN
        PERFORM enter_scope('platform', NULL, NULL);
    END IF;
END
$$;

-- --- row-level security: the second wall behind the workspace_id of every query ---

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY[
        'invitations', 'workspace_changes', 'agents', 'agent_versions', 'phone_numbers', 'calls', 'call_words',
        'call_events', 'call_events_default', 'usage_records', 'usage_records_default', 'rollup_dirty',
        'workspace_daily', 'agent_daily', 'usage_daily', 'workspace_totals', 'agent_totals', 'workspace_providers',
        'voice_strategies', 'integrations', 'integration_sync_logs', 'billing_settings', 'billing_periods', 'invoices'
    ] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY tenant ON %I USING (workspace_id = current_workspace() '
                       'OR current_scope() = ''platform'')', name);
    END LOOP;
END
$$;

ALTER TABLE workspace_members ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON workspace_members
    USING (workspace_id = current_workspace() OR user_id = current_person() OR current_scope() = 'platform')
    WITH CHECK (workspace_id = current_workspace() OR current_scope() = 'platform');

ALTER TABLE workspaces ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON workspaces
    USING (id = current_workspace() OR current_scope() = 'platform'
           OR id IN (SELECT m.workspace_id FROM workspace_members m WHERE m.user_id = current_person()))
    WITH CHECK (id = current_workspace() OR current_scope() = 'platform');

ALTER TABLE platform_daily ENABLE ROW LEVEL SECURITY;
CREATE POLICY platform ON platform_daily USING (current_scope() = 'platform');
ALTER TABLE audit_log ENABLE ROW LEVEL SECURITY;
CREATE POLICY reads ON audit_log FOR SELECT
    USING (current_scope() = 'platform' OR workspace_id = current_workspace());
CREATE POLICY appends ON audit_log FOR INSERT WITH CHECK (true);

REVOKE UPDATE, DELETE, TRUNCATE ON audit_log, usage_records, usage_records_default FROM vocalized_app;
REVOKE UPDATE, DELETE, TRUNCATE ON agent_versions FROM vocalized_app;

-- migrate:down
SET LOCAL lock_timeout = '5s';
DROP TABLE webhook_events, invoices, billing_periods, billing_settings, integration_sync_logs, integrations,
    integration_types, voice_strategies, workspace_providers, providers, platform_daily, agent_totals,
    workspace_totals, usage_daily, agent_daily, workspace_daily, rollup_dirty, usage_records, call_events, call_words,
    calls, phone_numbers, agent_versions, agents, agent_templates, workspace_changes, invitations, workspace_members,
    workspaces, idempotency_keys, one_time_tokens, refresh_tokens, sessions, users, audit_log, tiers, settings, admins;
DROP FUNCTION authorise_admin, authorise_user, enter_scope, ensure_partitions, refuse_change, current_person,
    current_workspace, current_scope;
