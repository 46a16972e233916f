"""Templates of agents."""
