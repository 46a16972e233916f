"""The worker on the bus: a real Valkey, real sockets."""
