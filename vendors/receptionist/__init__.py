"""Adapter for the receptionist, which answers by rules in place of a language model."""
