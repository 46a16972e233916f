-- migrate:up
-- When the caller was told to join the target's conference. The program before this one leaves it empty.
SET LOCAL lock_timeout = '5s';

ALTER TABLE warm_transfers ADD COLUMN joined_at timestamptz;

-- migrate:down
SET LOCAL lock_timeout = '5s';
ALTER TABLE warm_transfers DROP COLUMN joined_at;
