-- migrate:up transaction:false
-- Which of a workspace's calls the staff read, newest first.
CREATE INDEX CONCURRENTLY audit_log_call_reads ON audit_log (workspace_id, at DESC, id DESC)
    WHERE action = 'call.read';

-- migrate:down transaction:false
DROP INDEX CONCURRENTLY audit_log_call_reads;
