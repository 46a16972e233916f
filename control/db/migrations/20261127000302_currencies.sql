-- migrate:up
-- One currency for each workspace: what a tier costs in it, and what it is worth in US dollars, the currency of all
-- costs. Programs before this one read plans in US dollars only, and would take prices of minutes in another currency
-- for such in US dollars: set the first one when all programs are upgraded.
SET LOCAL lock_timeout = '5s';

-- US dollars for one unit of the currency. A change is a new version.
CREATE TABLE exchange_rates (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    currency text NOT NULL CHECK (currency ~ '^[a-z]{3}$' AND currency <> 'usd'),
    usd numeric(24, 12) NOT NULL CHECK (usd > 0),
    valid_from timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CHECK (valid_from >= created_at),
    UNIQUE (currency, valid_from)
);
CREATE TRIGGER exchange_rates_append_only BEFORE UPDATE OR DELETE ON exchange_rates
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
REVOKE UPDATE, DELETE, TRUNCATE ON exchange_rates FROM vocalized_app;

-- The rate that held at a moment; before the first one, the first; of a currency without any, null.
CREATE FUNCTION usd_rate(wanted text, moment timestamptz) RETURNS numeric LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN wanted = 'usd' THEN 1 ELSE coalesce(
        (SELECT usd FROM exchange_rates WHERE currency = wanted AND valid_from <= moment
         ORDER BY valid_from DESC LIMIT 1),
        (SELECT usd FROM exchange_rates WHERE currency = wanted ORDER BY valid_from LIMIT 1)) END
$$;

-- Fee and price of a minute in other currencies; those in US dollars are in tiers. Versions of both follow them.
CREATE TABLE tier_prices (
    tier_name text NOT NULL REFERENCES tiers,
    currency text NOT NULL CHECK (currency ~ '^[a-z]{3}$' AND currency <> 'usd'),
    monthly_fee numeric(18, 3) NOT NULL CHECK (monthly_fee >= 0),
    price_per_minute numeric(18, 9) NOT NULL CHECK (price_per_minute >= 0),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tier_name, currency)
);

ALTER TABLE price_versions
    DROP CONSTRAINT price_versions_side_provider_role_model_unit_valid_from_key,
    ADD CONSTRAINT price_versions_key UNIQUE (side, provider, role, model, unit, currency, valid_from);

-- Three decimal places, as some currencies have. Rewrites these tables: a row for each change of a plan, for each
-- workspace, and for each month of one.
ALTER TABLE plan_versions ALTER COLUMN monthly_fee TYPE numeric(18, 3);
ALTER TABLE billing_settings ALTER COLUMN usage_limit_monthly TYPE numeric(18, 3);
ALTER TABLE billing_periods ALTER COLUMN subscription_fee TYPE numeric(18, 3);

-- migrate:down
-- The three columns keep their decimal places, which programs before this one can read.
SET LOCAL lock_timeout = '5s';
ALTER TABLE price_versions
    DROP CONSTRAINT price_versions_key,
    ADD CONSTRAINT price_versions_side_provider_role_model_unit_valid_from_key
        UNIQUE (side, provider, role, model, unit, valid_from);
DROP TABLE tier_prices;
DROP FUNCTION usd_rate(text, timestamptz);
DROP TABLE exchange_rates;
