"""Integrations: integration types defined as data, and the workspaces' connections to vendors."""
