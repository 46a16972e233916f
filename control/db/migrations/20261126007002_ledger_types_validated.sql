-- migrate:up
-- Reads the ledger, and blocks neither readers nor writers.
SET LOCAL lock_timeout = '5s';
ALTER TABLE usage_records VALIDATE CONSTRAINT usage_records_resource_type_check;

-- migrate:down
SET LOCAL lock_timeout = '5s';
