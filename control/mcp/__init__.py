"""Our API as tools for language models of others, by the Model Context Protocol."""
