"""Benchmarks: simulated callers over Twilio's protocol, against any server that implements it."""
