-- migrate:up transaction:false
-- For the last turn of a workspace, which each upload asks for.
CREATE INDEX CONCURRENTLY IF NOT EXISTS knowledge_documents_turns ON knowledge_documents (workspace_id, turn)
    WHERE status = 'pending';

-- migrate:down transaction:false
DROP INDEX CONCURRENTLY IF EXISTS knowledge_documents_turns;
