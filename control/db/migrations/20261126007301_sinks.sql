-- migrate:up
-- What a payment company (a sink) knows of a workspace and of its invoices, and refunds that are on their way to it.
-- Programs before this one issue all invoices themselves, and leave those of a sink alone (invoices.sink).
SET LOCAL lock_timeout = '5s';

-- A workspace's customer at the sink. No reference: like every record of money it outlives the workspace.
CREATE TABLE sink_customers (
    workspace_id uuid PRIMARY KEY,
    customer_id text NOT NULL UNIQUE,
    payment_method_id text,                       -- the one that pays; null: none, invoices wait for it
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- How an invoice of a sink is collected.
CREATE TABLE sink_invoices (
    invoice_id uuid PRIMARY KEY REFERENCES invoices,
    workspace_id uuid NOT NULL,
    attempts integer NOT NULL DEFAULT 0,          -- charges that were declined
    next_attempt_at timestamptz,                  -- null: none, until the payment method changes
    checked_at timestamptz NOT NULL,              -- when the sink was last asked what became of it
    last_error text                               -- why nothing more happens by itself; for the staff
);
CREATE INDEX sink_invoices_due ON sink_invoices (next_attempt_at) WHERE next_attempt_at IS NOT NULL;
CREATE INDEX sink_invoices_workspace ON sink_invoices (workspace_id);

-- A refund from its order until the sink has paid it back; then it is a row of payments with the same id.
CREATE TABLE refund_orders (
    id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    invoice_id uuid NOT NULL REFERENCES invoices,
    amount numeric(18, 3) NOT NULL CHECK (amount > 0),
    status text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'done', 'failed')),
    reason text NOT NULL DEFAULT '',
    ordered_by uuid,
    last_error text,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX refund_orders_invoice ON refund_orders (invoice_id);
CREATE INDEX refund_orders_open ON refund_orders (created_at) WHERE status = 'open';

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['sink_customers', 'sink_invoices', 'refund_orders'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY tenant ON %I USING ((SELECT current_scope() = ''platform'') '
                       'OR workspace_id = (SELECT current_workspace()))', name);
    END LOOP;
END
$$;

-- migrate:down
SET LOCAL lock_timeout = '5s';
DROP TABLE refund_orders, sink_invoices, sink_customers;
