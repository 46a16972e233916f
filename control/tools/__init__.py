"""Tools that a workspace gives to its agents: HTTP requests and MCP servers."""
