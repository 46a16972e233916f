"""The API's routes: thin handlers that ask the rooms."""
