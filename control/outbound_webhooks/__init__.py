"""Webhooks to customers: endpoints, events, and signed deliveries by the worker."""
