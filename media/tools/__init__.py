"""Tools of agents in calls, and their runs."""
