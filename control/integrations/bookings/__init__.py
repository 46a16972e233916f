"""Appointments that calls book, move and cancel in connected calendars."""
