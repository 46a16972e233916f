"""The API's list of routes, error texts, documentation, health, metrics, and the console."""
