"""Services of pipecat that have no adapter of ours."""
