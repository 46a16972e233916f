"""The control program: the API of customers and staff, carriers' webhooks, and the worker."""
