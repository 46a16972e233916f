"""Which names are time zones."""

import pytest

from control.workspaces.timezones import names, require_timezone
from shared.errors import Invalid


@pytest.mark.parametrize("name", ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+5"])
def test_known_names(name: str) -> None:
    require_timezone(name)


@pytest.mark.parametrize("name", ["", "europe/berlin", "Mars/Olympus", "../etc/passwd", "localtime", "UTC\0", "+01:00"])
def test_other_names(name: str) -> None:
    with pytest.raises(Invalid) as fault:
        require_timezone(name)
    assert (fault.value.code, fault.value.param) == ("timezone_unknown", "timezone")


def test_the_machine_has_the_database() -> None:
    assert len(names()) > 400
