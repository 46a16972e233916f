"""A printer whose text tests read."""

import asyncio
from io import StringIO

from rich.console import Console

from vocalized.caller.console import CallPrinter


class RecordingPrinter(CallPrinter):
    """A printer that stores its text. informed: set by the first line of information."""

    def __init__(self) -> None:
        self.out, self.informed = StringIO(), asyncio.Event()
        super().__init__(Console(file=self.out, width=200))

    def info(self, text: str) -> None:
        super().info(text)
        self.informed.set()

    @property
    def text(self) -> str:
        return self.out.getvalue()
