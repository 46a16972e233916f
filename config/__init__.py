"""Configuration: settings from the environment, and the data that the product ships with."""
