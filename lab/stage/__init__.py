"""What scenarios run on: the platform as processes with a simulated phone network, simulated vendors, and callers."""
