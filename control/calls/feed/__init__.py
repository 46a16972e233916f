"""The events of running calls, as a stream for the live desk."""
