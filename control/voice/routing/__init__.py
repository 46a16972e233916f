"""Which providers serve a call, in which order."""
