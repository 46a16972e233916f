"""Callers' contacts and appointments, copied from vendors or booked in calls."""
