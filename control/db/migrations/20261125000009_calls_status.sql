-- migrate:up transaction:false
CREATE INDEX CONCURRENTLY calls_status ON calls (workspace_id, status, created_at DESC, id DESC);

-- migrate:down transaction:false
DROP INDEX CONCURRENTLY calls_status;
