"""Simulated services that workspaces connect: calendars, CRMs, a chat channel, a spreadsheet."""
