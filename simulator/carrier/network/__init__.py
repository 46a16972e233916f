"""A simulated phone network: phones, and carriers that own numbers and are driven by REST."""
