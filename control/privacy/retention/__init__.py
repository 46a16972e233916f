"""How long the contents of calls are kept."""
