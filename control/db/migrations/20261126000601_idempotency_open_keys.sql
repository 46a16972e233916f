-- migrate:up
-- A request whose response is computed after its transaction is stored under its Idempotency-Key without the response,
-- and with its id, under which its effect outside of the database happens once. The version before reads and writes
-- only keys of other routes, always with a response.
SET LOCAL lock_timeout = '5s';

ALTER TABLE idempotency_keys
    ADD COLUMN request_id uuid,              -- of the first request under the key
    ALTER COLUMN status DROP NOT NULL,       -- null, like the answer: the key is open
    ALTER COLUMN answer DROP NOT NULL;

-- migrate:down
SET LOCAL lock_timeout = '5s';

DELETE FROM idempotency_keys WHERE status IS NULL;
ALTER TABLE idempotency_keys
    DROP COLUMN request_id,
    ALTER COLUMN status SET NOT NULL,
    ALTER COLUMN answer SET NOT NULL;
