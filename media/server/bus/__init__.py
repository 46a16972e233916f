"""A worker as a node on the bus: takes plans, and sends events, checkpoints and recordings."""
