"""The MCP endpoint: our API as tools for other programs' language models."""
