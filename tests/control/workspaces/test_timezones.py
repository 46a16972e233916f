"""Names of time zones."""

import pytest

from control.workspaces.rules import require_timezone, timezone_names
from shared.errors import Invalid


@pytest.mark.parametrize("name", ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+5"])
def test_known_names_are_accepted(name: str) -> None:
    require_timezone(name)


@pytest.mark.parametrize("name", ["", "europe/berlin", "Mars/Olympus", "../etc/passwd", "localtime", "UTC\0", "+01:00"])
def test_unknown_names_are_refused(name: str) -> None:
    with pytest.raises(Invalid) as error:
        require_timezone(name)
    assert (error.value.code, error.value.param) == ("timezone_unknown", "timezone")


def test_machine_has_the_database() -> None:
    assert len(timezone_names()) > 400
