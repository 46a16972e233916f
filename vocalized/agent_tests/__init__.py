"""Runs test cases against an agent's call plan in virtual time, with local vendors and without the network."""
