"""New calls beside requests with the worst body that each route accepts."""
