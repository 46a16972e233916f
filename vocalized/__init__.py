"""The command line: runs, calls, demonstrates, measures and checks the platform."""
