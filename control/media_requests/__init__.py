"""Answers what running calls ask of control: reads the requests, verifies the call, runs the handler of the name."""
