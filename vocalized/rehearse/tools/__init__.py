"""Calls whose agents use tools: a calendar, contacts, documents, an MCP server, and tools that are hostile or fail."""
