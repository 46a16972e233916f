"""The do-not-call list of each workspace."""
