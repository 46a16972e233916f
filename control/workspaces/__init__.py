"""Workspaces: members and their roles, invitations, and administration by the staff."""
