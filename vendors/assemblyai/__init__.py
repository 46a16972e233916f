"""Adapter for AssemblyAI's recognizers."""
