"""What both programs must agree on."""
