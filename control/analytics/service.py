"""The figures of the admin dashboards, read from roll-ups."""


class Analytics:
    """Reads roll-ups; writes nothing."""
