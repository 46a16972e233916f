"""The MCP endpoint, which offers the API as tools to the language models of other programs."""
