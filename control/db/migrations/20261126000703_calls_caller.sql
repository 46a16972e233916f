-- migrate:up transaction:false
-- A list of one caller's calls: the number alone is selective, in a workspace and for the staff. Row-level security asks
-- for the workspace.
CREATE INDEX CONCURRENTLY calls_caller ON calls (caller_number, created_at DESC, id DESC) INCLUDE (workspace_id);

-- migrate:down transaction:false
DROP INDEX CONCURRENTLY calls_caller;
