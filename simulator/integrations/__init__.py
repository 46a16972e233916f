"""Vendors that workspaces connect: calendars, CRMs, a channel and a spreadsheet, written from their public
documents."""
