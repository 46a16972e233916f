-- migrate:up transaction:false
-- A list of inbound calls, where few calls are. calls_outbound serves the other direction.
CREATE INDEX CONCURRENTLY calls_inbound ON calls (workspace_id, created_at DESC, id DESC) WHERE direction = 'inbound';

-- migrate:down transaction:false
DROP INDEX CONCURRENTLY calls_inbound;
