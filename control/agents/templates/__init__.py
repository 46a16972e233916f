"""Templates from which agents are created."""
