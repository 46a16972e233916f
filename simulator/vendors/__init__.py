"""Parts that the simulated speech and language vendors share."""
