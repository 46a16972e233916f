"""The engine process, with one small pipecat pipeline per session."""
