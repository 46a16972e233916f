"""Changes of connected calendars by calls."""
