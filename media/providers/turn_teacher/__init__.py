"""The teacher of the completeness model in calls: a language model in a process for all workers of a node."""
