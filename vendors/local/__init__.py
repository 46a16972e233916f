"""The speech engine of this machine: recognizer and voice."""
