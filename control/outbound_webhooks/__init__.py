"""Outbound webhooks to customers: endpoints, events, and signed deliveries that the worker sends."""
