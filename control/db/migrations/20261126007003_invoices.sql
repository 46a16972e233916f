-- migrate:up
-- Periods, credits, invoices with their lines, payments. billing_periods and invoices exist since the first migration; no
-- program wrote them, so that they are empty and may change at once.
SET LOCAL lock_timeout = '5s';

ALTER TABLE billing_periods
    ALTER COLUMN total_amount TYPE numeric(18, 3),
    ADD COLUMN full_start timestamptz NOT NULL,   -- of the whole period that a shorter first one is a part of
    ADD COLUMN full_end timestamptz NOT NULL,
    ADD COLUMN timezone text NOT NULL,
    ADD COLUMN currency text NOT NULL DEFAULT 'usd',
    ADD COLUMN unpriced integer NOT NULL DEFAULT 0; -- rows of the ledger without a price when it was closed
CREATE INDEX billing_periods_due ON billing_periods (period_end) WHERE status = 'open';
CREATE INDEX billing_periods_ends ON billing_periods (workspace_id, period_end DESC);

CREATE TABLE credit_grants (
    id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    amount numeric(18, 3) NOT NULL CHECK (amount > 0),
    currency text NOT NULL DEFAULT 'usd',
    category text NOT NULL CHECK (category IN ('promotional', 'goodwill', 'prepaid')),
    applies_to text NOT NULL CHECK (applies_to IN ('usage', 'all')),
    priority integer NOT NULL DEFAULT 50 CHECK (priority BETWEEN 0 AND 100),    -- the lowest is used first
    effective_at timestamptz NOT NULL,
    expires_at timestamptz,
    reason text NOT NULL,
    granted_by uuid,
    voided_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    CHECK (expires_at > effective_at)
);
CREATE INDEX credit_grants_workspace ON credit_grants (workspace_id, created_at DESC, id DESC);

ALTER TABLE invoices
    ALTER COLUMN amount TYPE numeric(18, 3),      -- the total, with tax
    ADD COLUMN number text,                       -- from when it is issued on
    ADD COLUMN sink text NOT NULL DEFAULT 'own',  -- who issues it and takes the money
    ADD COLUMN subtotal numeric(18, 3) NOT NULL,  -- without tax
    ADD COLUMN tax numeric(18, 3) NOT NULL,
    ADD COLUMN amount_paid numeric(18, 3) NOT NULL DEFAULT 0,
    ADD COLUMN amount_refunded numeric(18, 3) NOT NULL DEFAULT 0,
    ADD COLUMN customer_name text NOT NULL,       -- as they were when it was made
    ADD COLUMN customer_tax_id text NOT NULL DEFAULT '',
    ADD COLUMN customer_country text,
    ADD COLUMN timezone text NOT NULL,
    ADD COLUMN issued_at timestamptz,
    ADD CONSTRAINT invoices_issued CHECK (status = 'draft' OR issued_at IS NOT NULL);
CREATE UNIQUE INDEX invoices_number ON invoices (number) WHERE number IS NOT NULL;
CREATE UNIQUE INDEX invoices_period ON invoices (billing_period_id) WHERE billing_period_id IS NOT NULL;
CREATE INDEX invoices_newest ON invoices (created_at DESC, id DESC);
CREATE INDEX invoices_workspace_newest ON invoices (workspace_id, created_at DESC, id DESC);
CREATE INDEX invoices_status_newest ON invoices (status, created_at DESC, id DESC);
CREATE INDEX invoices_open ON invoices (due_at) WHERE status IN ('draft', 'pending');

-- Never changed. billing_period_id, resource_type, since, until: the rows of the ledger that `exact` is the sum of, or its
-- difference to what earlier lines of the same key billed.
CREATE TABLE invoice_lines (
    id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    invoice_id uuid NOT NULL REFERENCES invoices,
    position integer NOT NULL,
    kind text NOT NULL CHECK (kind IN ('fee', 'minutes', 'included', 'trial', 'number', 'credit', 'tax')),
    key text NOT NULL,                            -- what the line is for within its period
    is_adjustment boolean NOT NULL DEFAULT false, -- of a period that an earlier invoice billed
    description text NOT NULL,
    billing_period_id uuid REFERENCES billing_periods,
    since timestamptz,
    until timestamptz,
    tier_name text,
    plan_version bigint,
    phone_number_id uuid,
    grant_id uuid REFERENCES credit_grants,
    tax_rate bigint REFERENCES tax_rates,
    quantity numeric(18, 6) NOT NULL,
    unit text NOT NULL,
    exact numeric(18, 9) NOT NULL,                -- as the ledger has it
    amount numeric(18, 3) NOT NULL,               -- rounded once; added up it is the invoice's total
    tax numeric(18, 3) NOT NULL DEFAULT 0,        -- of a tax line, also where prices contain it and its amount is 0
    UNIQUE (invoice_id, position)
);
CREATE INDEX invoice_lines_period ON invoice_lines (billing_period_id, key);
CREATE INDEX invoice_lines_grant ON invoice_lines (grant_id) WHERE grant_id IS NOT NULL;
CREATE TRIGGER invoice_lines_append_only BEFORE UPDATE OR DELETE ON invoice_lines
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
REVOKE UPDATE, DELETE, TRUNCATE ON invoice_lines FROM vocalized_app;

-- The last number of each series. A number is taken in the transaction that issues its invoice: none is left out.
CREATE TABLE invoice_numbers (
    series text PRIMARY KEY,
    last integer NOT NULL CHECK (last >= 1)
);
ALTER TABLE invoice_numbers ENABLE ROW LEVEL SECURITY;
CREATE POLICY platform ON invoice_numbers USING ((SELECT current_scope() = 'platform'));

-- Money that moved. Never changed: a refund is a row of its own with a negative amount.
CREATE TABLE payments (
    id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    invoice_id uuid NOT NULL REFERENCES invoices,
    kind text NOT NULL CHECK (kind IN ('payment', 'refund')),
    amount numeric(18, 3) NOT NULL CHECK ((kind = 'payment') = (amount > 0) AND amount <> 0),
    currency text NOT NULL,
    method text NOT NULL,                         -- bank_transfer, card, …
    reference text NOT NULL DEFAULT '',           -- what the bank or the sink calls it
    reason text NOT NULL DEFAULT '',
    recorded_by uuid,
    at timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX payments_invoice ON payments (invoice_id);
CREATE INDEX payments_workspace ON payments (workspace_id, at DESC);
CREATE UNIQUE INDEX payments_reference ON payments (method, reference) WHERE reference <> '';
CREATE TRIGGER payments_append_only BEFORE UPDATE OR DELETE ON payments
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
REVOKE UPDATE, DELETE, TRUNCATE ON payments FROM vocalized_app;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['credit_grants', 'invoice_lines', 'payments'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY tenant ON %I USING ((SELECT current_scope() = ''platform'') '
                       'OR workspace_id = (SELECT current_workspace()))', name);
    END LOOP;
END
$$;

-- migrate:down
SET LOCAL lock_timeout = '5s';
DROP TABLE payments, invoice_numbers, invoice_lines, credit_grants;
DROP INDEX invoices_number, invoices_period, invoices_newest, invoices_workspace_newest, invoices_status_newest,
    invoices_open, billing_periods_due, billing_periods_ends;
ALTER TABLE invoices
    DROP CONSTRAINT invoices_issued,
    DROP COLUMN number, DROP COLUMN sink, DROP COLUMN subtotal, DROP COLUMN tax, DROP COLUMN amount_paid,
    DROP COLUMN amount_refunded, DROP COLUMN customer_name, DROP COLUMN customer_tax_id, DROP COLUMN customer_country,
    DROP COLUMN timezone, DROP COLUMN issued_at,
    ALTER COLUMN amount TYPE numeric(14, 2);
ALTER TABLE billing_periods
    DROP COLUMN full_start, DROP COLUMN full_end, DROP COLUMN timezone, DROP COLUMN currency, DROP COLUMN unpriced,
    ALTER COLUMN total_amount TYPE numeric(14, 2);
