"""Billing accounts of workspaces, their settings and their exemptions."""
