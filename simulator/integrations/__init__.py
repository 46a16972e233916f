"""Vendors that workspaces connect: Google Calendar and HubSpot, written from their public documents."""
