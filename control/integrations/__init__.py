"""Integrations: types as data, and workspaces' connections to vendors."""
