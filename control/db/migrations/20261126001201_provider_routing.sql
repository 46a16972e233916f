-- migrate:up
-- How calls are routed to providers: the platform's strategy and fallback chain, what each provider does with data, and
-- its figures by role, which strategies compare. Programs before this one read none of it.
SET LOCAL lock_timeout = '5s';

ALTER TABLE providers
    ADD COLUMN is_shipped boolean NOT NULL DEFAULT false,     -- the product ships with it; it cannot be deleted
    ADD COLUMN estimated_costs jsonb NOT NULL DEFAULT '{}',   -- {"stt": 0.0048}: US dollars a minute of a call
    ADD COLUMN data_policy jsonb NOT NULL DEFAULT '{}';       -- {"regions": […], "retention_days": 0, "no_training": true}
UPDATE providers SET data_policy = '{"on_platform": true}' WHERE provider IN ('local', 'receptionist', 'standin');
ALTER TABLE voice_strategies ALTER COLUMN strategy DROP NOT NULL;  -- null: the platform's

CREATE TABLE voice_routing (
    id boolean PRIMARY KEY DEFAULT true CHECK (id),           -- one row
    default_strategy text NOT NULL,
    fallback_chain text[] NOT NULL DEFAULT '{}',
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE provider_figures (
    provider text NOT NULL REFERENCES providers (provider) ON DELETE CASCADE,
    role text NOT NULL CHECK (role IN ('stt', 'llm', 'tts')),
    source text NOT NULL CHECK (source IN ('calls', 'probes')),
    status text NOT NULL CHECK (status IN ('unknown', 'healthy', 'degraded', 'down')),
    since timestamptz NOT NULL,                               -- of the status
    requests integer NOT NULL DEFAULT 0,
    error_rate numeric(6, 4),
    p50_ms integer,
    p95_ms integer,
    checked_at timestamptz NOT NULL,
    PRIMARY KEY (provider, role, source)
);

CREATE TABLE provider_probes (
    id uuid PRIMARY KEY,
    provider text NOT NULL REFERENCES providers (provider) ON DELETE CASCADE,
    role text NOT NULL CHECK (role IN ('stt', 'llm', 'tts')),
    at timestamptz NOT NULL,
    latency_ms integer,                                       -- null: it failed
    cost numeric(18, 9) NOT NULL,                             -- at most, in US dollars
    reason text NOT NULL DEFAULT ''
);
CREATE INDEX provider_probes_at ON provider_probes (at);
CREATE INDEX provider_probes_newest ON provider_probes (provider, role, at DESC);

-- migrate:down
SET LOCAL lock_timeout = '5s';
DROP TABLE provider_probes;
DROP TABLE provider_figures;
DROP TABLE voice_routing;
UPDATE voice_strategies SET strategy = 'priority' WHERE strategy IS NULL;
ALTER TABLE voice_strategies ALTER COLUMN strategy SET NOT NULL;
ALTER TABLE providers DROP COLUMN is_shipped, DROP COLUMN estimated_costs, DROP COLUMN data_policy;
