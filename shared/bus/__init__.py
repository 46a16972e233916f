"""What the programs share in Redis: tickets, nodes, live calls, events, checkpoints, commands."""
