"""The admin API: called by the platform's staff through the admin portal."""
