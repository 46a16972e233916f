-- migrate:up
-- What a number's calls are sent to at its carrier. Where that differs from what settings say now, a duty of the worker
-- configures the number anew; so it does once for each number that was bought before.
SET LOCAL lock_timeout = '5s';

ALTER TABLE phone_numbers
    ADD COLUMN configured_for text,
    ADD COLUMN configure_tried_at timestamptz;

-- migrate:down
SET LOCAL lock_timeout = '5s';
ALTER TABLE phone_numbers DROP COLUMN configured_for, DROP COLUMN configure_tried_at;
