"""Benchmarks: a load of simulated callers over the real Twilio protocol, against any server that speaks it."""
