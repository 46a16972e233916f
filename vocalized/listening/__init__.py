"""How well a call listens: the whole call in virtual time over recorded human speech (`make listen`)."""
