"""Tools that a workspace gives to its agents: HTTP requests, and the tools of MCP servers."""
