"""Local speech: a recognizer and a voice in a separate process."""
