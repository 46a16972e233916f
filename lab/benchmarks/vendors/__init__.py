"""Compares the cost of calls with simulated vendors, ours and pipecat's."""
