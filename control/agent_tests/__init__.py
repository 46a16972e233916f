"""Test cases of agents, made from calls or written by hand, and runs of them against a version of the agent."""
