"""A worker as a node on the bus, which receives plans and sends events, checkpoints and recordings."""
