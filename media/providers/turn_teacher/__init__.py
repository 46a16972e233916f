"""The turn teacher in calls: a language model in one process for all workers of a machine."""
