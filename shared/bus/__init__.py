"""What the media servers and control share in Redis: tickets, nodes, live calls, events, checkpoints, commands."""
