"""Implements the provider ports with pipecat's services, by a client and an engine process that imports pipecat."""
