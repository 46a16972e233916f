"""The worker as a node on the bus: plans come from there, what calls tell goes there, whatever is away meanwhile."""
