-- migrate:up transaction:false
-- Which invoices of the payment company were last asked about long ago.
CREATE INDEX CONCURRENTLY sink_invoices_checked ON sink_invoices (checked_at);

-- migrate:down transaction:false
DROP INDEX CONCURRENTLY sink_invoices_checked;
