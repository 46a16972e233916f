"""Answers requests of running calls: verifies the call and runs the handler."""
