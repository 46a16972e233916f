"""The commands in the documents."""
