"""Bookings in connected calendars, made and changed in calls."""
