-- migrate:up transaction:false
-- Callers who were put through are counted whenever a call comes in or is placed: they may be on the line still.
CREATE INDEX CONCURRENTLY calls_put_through ON calls (workspace_id, created_at DESC) WHERE end_reason = 'transferred';

-- migrate:down transaction:false
DROP INDEX CONCURRENTLY calls_put_through;
