"""Clients of the API, generated from its OpenAPI document (docs/use/clients.md)."""
