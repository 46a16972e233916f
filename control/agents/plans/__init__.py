"""Creates the plan of a call from an agent's version."""
