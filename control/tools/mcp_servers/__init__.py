"""MCP servers whose tools agents use in calls."""
