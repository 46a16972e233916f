-- migrate:up
-- Appointments that callers cancel and move, and calendars that several connections share. The programs before leave
-- these columns empty.
SET LOCAL lock_timeout = '5s';

ALTER TABLE appointments
    ADD COLUMN calendar_key text,  -- the calendar at the vendor, whichever connection it was booked by
    ADD COLUMN reference text,     -- digits that were told to the caller
    ADD COLUMN moves uuid,         -- the appointment in whose place this one is
    ADD COLUMN change_key text;    -- the run of a tool that cancels it

-- migrate:down
SET LOCAL lock_timeout = '5s';

ALTER TABLE appointments
    DROP COLUMN calendar_key,
    DROP COLUMN reference,
    DROP COLUMN moves,
    DROP COLUMN change_key;
