"""The data that control and media share in Redis: tickets, nodes, live calls, events, checkpoints, commands."""
