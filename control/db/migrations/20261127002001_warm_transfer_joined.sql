-- migrate:up
-- asked_at: when the target was asked for a decision, after the brief (Telnyx). joined_at: when the caller was told to
-- join the target's conference. The program before this one leaves both empty.
SET LOCAL lock_timeout = '5s';

ALTER TABLE warm_transfers ADD COLUMN asked_at timestamptz, ADD COLUMN joined_at timestamptz;

-- migrate:down
SET LOCAL lock_timeout = '5s';
ALTER TABLE warm_transfers DROP COLUMN joined_at, DROP COLUMN asked_at;
