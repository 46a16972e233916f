"""Contacts and appointments of callers, copied from vendors and booked in calls."""
