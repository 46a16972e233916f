-- migrate:up
-- Reads all calls, and blocks neither readers nor writers.
SET LOCAL lock_timeout = '5s';
ALTER TABLE calls VALIDATE CONSTRAINT calls_end_reason_check;

-- migrate:down
SET LOCAL lock_timeout = '5s';
