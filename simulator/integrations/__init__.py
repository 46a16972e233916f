"""Simulated vendors that workspaces connect: calendars, CRMs, a channel, a spreadsheet."""
