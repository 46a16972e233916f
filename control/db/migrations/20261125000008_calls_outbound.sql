-- migrate:up transaction:false
CREATE INDEX CONCURRENTLY calls_outbound ON calls (workspace_id, created_at DESC)
    INCLUDE (called_number, duration_seconds) WHERE direction = 'outbound';

-- migrate:down transaction:false
DROP INDEX CONCURRENTLY calls_outbound;
