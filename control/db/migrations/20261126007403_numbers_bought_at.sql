-- migrate:up
-- Since when the carrier has given us a number: its rent begins then, and not with the order, which may wait for days.
-- Null: bought before this, or by a program before this one; then created_at counts, or it was never bought.
SET LOCAL lock_timeout = '5s';
ALTER TABLE phone_numbers ADD COLUMN bought_at timestamptz;

-- migrate:down
SET LOCAL lock_timeout = '5s';
ALTER TABLE phone_numbers DROP COLUMN bought_at;
