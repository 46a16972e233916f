"""What all tests share."""

from hypothesis import settings

# A loaded machine must not fail a property: no deadline. The same examples every time.
settings.register_profile("steady", deadline=None, derandomize=True)
settings.load_profile("steady")
