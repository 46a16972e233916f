"""The worker as a node on the bus: plans come from it; events, checkpoints and recordings go to it or wait on disk."""
