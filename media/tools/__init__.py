"""The tools of agents in calls, and the runner that executes them."""
