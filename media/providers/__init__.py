"""The three provider ports (speech recognizer, language model and voice) and the code that builds and runs
providers."""
