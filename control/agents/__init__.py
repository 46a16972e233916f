"""Voice agents: config, versions, drafts, templates, and the reasons why an agent cannot answer."""
