-- migrate:up transaction:false
CREATE INDEX CONCURRENTLY workspaces_created_by ON workspaces (created_by);

-- migrate:down transaction:false
DROP INDEX CONCURRENTLY workspaces_created_by;
