"""The front door: place calls, see a demonstration, measure, and find out what is missing on this machine."""
