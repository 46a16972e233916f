-- migrate:up transaction:false
-- Pages of the newest calls are found in the index alone, their workspace included, which row-level security asks for.
CREATE INDEX CONCURRENTLY calls_newest ON calls (created_at DESC, id DESC) INCLUDE (workspace_id);

-- migrate:down transaction:false
DROP INDEX CONCURRENTLY calls_newest;
