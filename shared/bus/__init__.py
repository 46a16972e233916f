"""What both programs share while calls run, in Redis: plans, nodes, live calls, events, checkpoints, commands."""
