"""A worker as a node on the bus: receives plans, and sends events, checkpoints and recordings."""
