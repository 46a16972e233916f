-- migrate:up
-- What only the staff, the worker and the command line write, SQL text in a tenant's request does not write either:
-- settings, prices, and above all the addresses to which the platform's keys and customers' grants are sent. Everybody
-- reads them. Carriers' webhooks, which hold numbers of all workspaces' callers, are read in platform scope only.
SET LOCAL lock_timeout = '5s';

CREATE FUNCTION is_platform_scope() RETURNS boolean LANGUAGE sql STABLE PARALLEL RESTRICTED
    RETURN needs_no_proof() OR coalesce(current_scope() = 'platform', false);

DO $$
DECLARE
    written text;
BEGIN
    FOREACH written IN ARRAY ARRAY[
        'agent_templates', 'exchange_rates', 'integration_types', 'plan_versions', 'providers', 'settings', 'tax_rates',
        'tier_prices', 'tiers', 'voice_routing'
    ] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', written);
        EXECUTE format('CREATE POLICY reads ON %I FOR SELECT USING (true)', written);
        EXECUTE format('CREATE POLICY platform ON %I USING ((SELECT is_platform_scope()))', written);
    END LOOP;
END
$$;

ALTER TABLE webhook_events ENABLE ROW LEVEL SECURITY;
CREATE POLICY platform ON webhook_events USING ((SELECT is_platform_scope()));

-- migrate:down
SET LOCAL lock_timeout = '5s';
DROP POLICY platform ON webhook_events;
ALTER TABLE webhook_events DISABLE ROW LEVEL SECURITY;
DO $$
DECLARE
    written text;
BEGIN
    FOREACH written IN ARRAY ARRAY[
        'agent_templates', 'exchange_rates', 'integration_types', 'plan_versions', 'providers', 'settings', 'tax_rates',
        'tier_prices', 'tiers', 'voice_routing'
    ] LOOP
        EXECUTE format('DROP POLICY platform ON %I', written);
        EXECUTE format('DROP POLICY reads ON %I', written);
        EXECUTE format('ALTER TABLE %I DISABLE ROW LEVEL SECURITY', written);
    END LOOP;
END
$$;
DROP FUNCTION is_platform_scope;
