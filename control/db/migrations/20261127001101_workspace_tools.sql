-- migrate:up
-- Tools that a workspace gives to its agents: HTTP requests, and the tools of MCP servers. Programs before this one read
-- and write none of it.
SET LOCAL lock_timeout = '5s';

CREATE TABLE http_tools (
    id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    name text NOT NULL,                      -- as the language model and configs of agents name it; never changes
    config jsonb NOT NULL,                   -- an HttpToolConfig
    secret_names text[] NOT NULL DEFAULT '{}',
    sealed_headers bytea,                    -- values of the secret headers
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    UNIQUE (workspace_id, name)
);
ALTER TABLE http_tools ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON http_tools
    USING ((SELECT current_scope() = 'platform') OR workspace_id = (SELECT current_workspace()));

CREATE TABLE mcp_servers (
    id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    name text NOT NULL,                      -- first part of its tools' names; never changes
    config jsonb NOT NULL,                   -- an McpServerConfig
    secret_names text[] NOT NULL DEFAULT '{}',
    sealed_headers bytea,
    tools jsonb NOT NULL DEFAULT '[]',       -- as it listed them last
    listed_at timestamptz,
    tried_at timestamptz,                    -- when the list was last asked for
    list_error text,                         -- why that failed; null: it did not
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    UNIQUE (workspace_id, name)
);
CREATE INDEX mcp_servers_oldest_list ON mcp_servers (tried_at NULLS FIRST);
ALTER TABLE mcp_servers ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON mcp_servers
    USING ((SELECT current_scope() = 'platform') OR workspace_id = (SELECT current_workspace()));

-- migrate:down
SET LOCAL lock_timeout = '5s';
DROP TABLE mcp_servers, http_tools;
