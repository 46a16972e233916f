"""Adapter for pipecat's services that have no adapter of their own."""
