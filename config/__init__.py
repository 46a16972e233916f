"""Settings from the environment, and the data that ships with the product."""
