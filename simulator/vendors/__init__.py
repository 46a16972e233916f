"""Parts that simulated vendors of speech and language share."""
