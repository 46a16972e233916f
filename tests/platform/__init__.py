"""The platform for tests, built by the same functions as the programs: API, services, webhooks, media node, network."""
