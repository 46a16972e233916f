-- migrate:up
-- One transfer may pay several invoices, and a refund may have the reference of its payment: a reference is unique only
-- among the payments, and among the refunds, of one invoice. The table is new and small.
SET LOCAL lock_timeout = '5s';
CREATE UNIQUE INDEX IF NOT EXISTS payments_reference_of_invoice ON payments (invoice_id, kind, method, reference)
    WHERE reference <> '';
DROP INDEX IF EXISTS payments_reference;

-- migrate:down
-- The index stays: the program before works with it, and the wider one could not be made over two rows with one reference.
SET LOCAL lock_timeout = '5s';
