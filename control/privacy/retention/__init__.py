"""How long what calls hold is kept."""
