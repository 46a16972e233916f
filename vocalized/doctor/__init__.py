"""The checks of `vocalized doctor`."""
