"""A simulated phone network: phones, and carriers that are controlled through REST."""
