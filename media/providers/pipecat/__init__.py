"""pipecat's services behind our ports: a client here, and an engine process that alone imports pipecat (`engine/`)."""
