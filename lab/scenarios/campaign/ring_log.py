"""What the phones' log of calls must show. Pure; each function returns what is wrong, in words, or a figure."""

import itertools
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from lab.scenarios.campaign.recipients import LoggedRing
from lab.scenarios.campaign.zone_windows import ZoneWindow


def find_excess(rings: Sequence[LoggedRing], allowed: Mapping[str, int]) -> list[str]:
    """Numbers that were called more often than allowed; a number that is in none of the campaigns is allowed none."""
    counts = Counter(ring.number for ring in rings)
    return [f"{number}: {n} calls" for number, n in sorted(counts.items()) if n > allowed.get(number, 0)]


def find_overlaps(rings: Sequence[LoggedRing]) -> list[str]:
    """Calls that reached a number while another one there was not over."""
    return [
        f"{first.number}: two calls at {following.began_at:%H:%M:%S}"
        for first, following in _pairs(rings)
        if first.ended_at is None or following.began_at < first.ended_at
    ]


def find_outside_hours(
    rings: Sequence[LoggedRing], windows: Mapping[str, ZoneWindow], tolerance: timedelta
) -> list[str]:
    """Calls outside the window of their number. tolerance: from the last look at the clock to the phone that rings."""
    return [
        f"{ring.number} ({windows[ring.number].zone}) at {ring.began_at:%H:%M:%S} UTC"
        for ring in rings
        if not windows[ring.number].holds(ring.began_at) and not windows[ring.number].holds(ring.began_at - tolerance)
    ]


def find_early_retries(rings: Sequence[LoggedRing], gap: timedelta) -> list[str]:
    """Calls to a number sooner after the one before than the gap between two attempts."""
    return [
        f"{first.number}: again after {(following.began_at - first.ended_at).total_seconds():.1f} s"
        for first, following in _pairs(rings)
        if first.ended_at is not None and following.began_at - first.ended_at < gap
    ]


def find_after_opt_out(rings: Sequence[LoggedRing]) -> list[str]:
    """Calls to numbers whose owner had asked in an earlier one not to be called again."""
    return [
        f"{first.number}: again at {following.began_at:%H:%M:%S}"
        for first, following in _pairs(rings)
        if first.reaction == "opt_out"
    ]


def find_during(rings: Sequence[LoggedRing], begin: datetime, end: datetime) -> list[str]:
    """Calls that began between these times."""
    return [f"{ring.number} at {ring.began_at:%H:%M:%S}" for ring in rings if begin <= ring.began_at < end]


def count_most_within(rings: Sequence[LoggedRing], span: timedelta) -> int:
    """The most calls that began within any time of this length."""
    times = sorted(ring.began_at for ring in rings)
    most, first = 0, 0
    for place, at in enumerate(times):
        while at - times[first] >= span:
            first += 1
        most = max(most, place - first + 1)
    return most


def count_most_open(rings: Sequence[LoggedRing]) -> int:
    """The most calls that went on at the same moment."""
    changes = [(ring.began_at, 1) for ring in rings] + [
        (ring.ended_at, -1) for ring in rings if ring.ended_at is not None
    ]
    return max(itertools.accumulate(step for _, step in sorted(changes)), default=0)


def _pairs(rings: Sequence[LoggedRing]) -> list[tuple[LoggedRing, LoggedRing]]:
    """Each call with the one that reached the same number before it."""
    by_number: defaultdict[str, list[LoggedRing]] = defaultdict(list)
    for one in sorted(rings, key=lambda ring: ring.began_at):
        by_number[one.number].append(one)
    return [pair for calls in by_number.values() for pair in itertools.pairwise(calls)]
