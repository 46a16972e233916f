"""What all tests share."""

from hypothesis import HealthCheck, settings

# A loaded machine must not fail a property: nothing that measures time. The same examples every time.
settings.register_profile("steady", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("steady")
