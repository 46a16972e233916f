"""Voice agents: config, versions, drafts, templates, and reasons why an agent cannot answer."""
