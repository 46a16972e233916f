"""A board of health with a clock of the test's own, and the errors that providers report to it."""

from media.providers.health import HealthBoard, HealthChange, HealthKey
from media.providers.health_record import HealthPolicy
from media.providers.ports import KeyRefused, ProviderBusy, ProviderError, ProviderSlow

KEY = HealthKey("llm", "groq", "abc")
OTHER = HealthKey("llm", "groq", "of another account")
DOWN = ProviderSlow("groq", "nothing came for 4 s")
BUSY = ProviderBusy("groq", "HTTP 429")
QUOTA = ProviderBusy("groq", "HTTP 429 insufficient_quota", retryable=False)
REFUSED = ProviderError("groq", "HTTP 400", retryable=False)
REVOKED = KeyRefused("groq", "HTTP 401")
POLICY = HealthPolicy(cool_down_s=15.0, max_cool_down_s=60.0)


class BoardHarness:
    """A board without jitter, its clock and its changes."""

    def __init__(self, policy: HealthPolicy = POLICY) -> None:
        self.now = 1_000.0
        self.board = HealthBoard(lambda: self.now, policy, chance=lambda: 0.0)
        self.changes: list[HealthChange] = []
        self.board.subscribe(self.changes.append)

    @property
    def usable(self) -> bool:
        return self.board.is_usable(KEY)

    @property
    def what(self) -> list[str]:
        return [change.what for change in self.changes]

    def fail(self, error: ProviderError = DOWN, times: int = 1) -> None:
        """So many requests fail, one after the other."""
        for _ in range(times):
            self.board.start(KEY).fail(error)

    def succeed(self, times: int = 1) -> None:
        for _ in range(times):
            self.board.start(KEY).mark_useful()

    def wait(self, seconds: float) -> None:
        self.now += seconds

    def out_of_service_s(self) -> int:
        """Seconds until it is usable again."""
        until = next(second for second in range(10_000) if self._is_usable_in(second))
        return until

    def _is_usable_in(self, seconds: int) -> bool:
        self.now += seconds
        try:
            return self.usable
        finally:
            self.now -= seconds
