"""What the platform's staff call, through the admin portal."""
