"""The API's routes: thin handlers that call the domain services."""
