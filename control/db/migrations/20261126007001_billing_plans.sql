-- migrate:up
-- What periods are computed from: what a tier costs at which time, who is billed in which currency, tax rates. Programs
-- before this one read and write none of it. A new program opens the accounts of the workspaces that they create.
SET LOCAL lock_timeout = '5s';

-- Fee and included minutes of a tier; the price of its minutes is in price_versions. A change is a new version.
CREATE TABLE plan_versions (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tier_name text NOT NULL,
    monthly_fee numeric(12, 2) NOT NULL CHECK (monthly_fee >= 0),
    included_minutes integer NOT NULL CHECK (included_minutes >= 0),
    currency text NOT NULL DEFAULT 'usd' CHECK (currency ~ '^[a-z]{3}$'),
    valid_from timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CHECK (valid_from >= created_at),
    UNIQUE (tier_name, currency, valid_from)
);
CREATE TRIGGER plan_versions_append_only BEFORE UPDATE OR DELETE ON plan_versions
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
REVOKE UPDATE, DELETE, TRUNCATE ON plan_versions FROM vocalized_app;

-- Who is billed. No reference: like every record of money it outlives the workspace.
CREATE TABLE billing_accounts (
    workspace_id uuid PRIMARY KEY,
    currency text NOT NULL DEFAULT 'usd' CHECK (currency ~ '^[a-z]{3}$'),
    anchor_day integer NOT NULL DEFAULT 1 CHECK (anchor_day BETWEEN 1 AND 31),  -- of the month on which periods begin
    opened_at timestamptz NOT NULL,                                             -- nothing before it is billed
    legal_name text NOT NULL DEFAULT '',                                        -- empty: the workspace's name
    country text CHECK (country ~ '^[A-Z]{2}$'),                                -- whose tax rates hold; null: none
    tax_id text NOT NULL DEFAULT '',
    is_tax_exempt boolean NOT NULL DEFAULT false,
    updated_at timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE billing_accounts ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON billing_accounts USING (
    (SELECT current_scope() = 'platform') OR workspace_id = (SELECT current_workspace())
);
-- Workspaces from before are billed from now on.
INSERT INTO billing_accounts (workspace_id, opened_at) SELECT id, now() FROM workspaces;

CREATE TABLE tax_rates (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    country text NOT NULL CHECK (country ~ '^[A-Z]{2}$'),
    name text NOT NULL,                                                         -- as invoices print it: VAT
    basis_points integer NOT NULL CHECK (basis_points BETWEEN 0 AND 10000),     -- hundredths of a percent
    is_inclusive boolean NOT NULL DEFAULT false,                                -- whether prices contain it
    valid_from timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (country, name, valid_from)
);
CREATE TRIGGER tax_rates_append_only BEFORE UPDATE OR DELETE ON tax_rates
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
REVOKE UPDATE, DELETE, TRUNCATE ON tax_rates FROM vocalized_app;

-- The ledger's new rows: minutes that the tier includes, and what a trial does not pay; both have a negative price.
ALTER TABLE usage_records
    DROP CONSTRAINT usage_records_resource_type_check,
    ADD CONSTRAINT usage_records_resource_type_check CHECK (resource_type IN
        ('call_minutes', 'telephony', 'stt', 'llm', 'tts', 'phone_number', 'subscription', 'storage', 'credit',
         'included_minutes', 'trial')) NOT VALID;
-- The part of the quantity that has a customer's price: test calls have none. Null: computed by a program before this.
ALTER TABLE usage_daily ADD COLUMN charged_quantity numeric(18, 6);

-- migrate:down
-- The ledger's check stays as it is, because the ledger may have such rows and none of its rows can be changed.
SET LOCAL lock_timeout = '5s';
ALTER TABLE usage_daily DROP COLUMN charged_quantity;
DROP TABLE tax_rates, billing_accounts, plan_versions;
