"""Workspaces: members, roles, invitations, and administration by staff."""
