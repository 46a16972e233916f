"""Webhooks to systems of customers: endpoints, events, their signed delivery by the worker."""
