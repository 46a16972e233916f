-- migrate:up
SET LOCAL lock_timeout = '5s';

-- Counts what was stored of a customer, so that an older answer of the payment company does not replace a newer one.
ALTER TABLE sink_customers ADD COLUMN revision bigint NOT NULL DEFAULT 0;
-- When the payment company last said what became of an invoice.
ALTER TABLE sink_invoices ADD COLUMN answered_at timestamptz;

-- migrate:down
SET LOCAL lock_timeout = '5s';

ALTER TABLE sink_invoices DROP COLUMN answered_at;
ALTER TABLE sink_customers DROP COLUMN revision;
