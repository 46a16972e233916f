"""The command line of the platform: run it, call it, demonstrate it, measure it, and check this machine."""
