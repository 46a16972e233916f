"""What may be said from outside: settings, and the data that the product ships with."""
