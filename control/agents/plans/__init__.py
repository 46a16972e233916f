"""The plan of a call, made from an agent's version."""
