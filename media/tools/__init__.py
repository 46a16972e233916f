"""The tools of agents in calls, and their runs."""
