"""pipecat's services behind our ports: a client, and an engine process that imports pipecat."""
