"""Billing accounts of workspaces."""
