"""The do-not-call list of each workspace: numbers that its agents never phone."""
