"""Actions: requests to vendors that are built from the declarations of an integration type."""
