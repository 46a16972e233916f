"""A simulated phone network: phones, and carriers that are driven by REST."""
