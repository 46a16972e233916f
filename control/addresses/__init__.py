"""Addresses of workspaces, under which phone numbers are bought; registered at the carriers."""
