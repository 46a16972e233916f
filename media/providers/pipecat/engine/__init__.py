"""The engine process: one small pipecat pipeline for each session."""
