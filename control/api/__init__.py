"""The API as a whole: list of routes, error texts, documentation, health, metrics, and the console."""
