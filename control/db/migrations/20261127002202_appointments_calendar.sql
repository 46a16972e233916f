-- migrate:up transaction:false
-- Of the check whether another call takes the same time in the same calendar, by whichever connection.
CREATE INDEX CONCURRENTLY appointments_calendar ON appointments (workspace_id, calendar_key, starts_at)
    WHERE calendar_key IS NOT NULL;

-- migrate:down transaction:false
DROP INDEX CONCURRENTLY appointments_calendar;
