"""Services of pipecat for which there is no adapter."""
