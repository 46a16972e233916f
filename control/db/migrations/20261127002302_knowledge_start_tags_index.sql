-- migrate:up transaction:false
-- For the last start tag of a workspace, which each upload asks for.
CREATE INDEX CONCURRENTLY IF NOT EXISTS knowledge_documents_start_tags ON knowledge_documents (workspace_id, start_tag)
    WHERE status = 'pending';

-- migrate:down transaction:false
DROP INDEX CONCURRENTLY IF EXISTS knowledge_documents_start_tags;
