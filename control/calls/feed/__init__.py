"""The event stream of running calls for the live desk."""
