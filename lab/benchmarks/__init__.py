"""Benchmarks with simulated callers against any server that implements Twilio's protocol."""
