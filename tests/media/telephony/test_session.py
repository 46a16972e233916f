"""The order of a stream's events."""

import pytest

from media.telephony.session import Session, Stage
from media.telephony.wire import WireError


def code(call: object, *args: object) -> str:
    assert callable(call)
    with pytest.raises(WireError) as caught:
        call(*args)
    return caught.value.code


def test_the_whole_course() -> None:
    session = Session()
    session.connect()
    session.start("s")
    session.check("media", "s")
    session.close()
    assert session.stage is Stage.OVER
    assert session.stream_id is None


def test_connected_is_not_required() -> None:
    session = Session()
    session.start("s")
    assert session.stream_id == "s"


@pytest.mark.parametrize("event", ["media", "dtmf", "mark", "stop"])
def test_nothing_before_start(event: str) -> None:
    session = Session()
    assert code(session.check, event, "s") == "out_of_order"
    session.connect()
    assert code(session.check, event, "s") == "out_of_order"


def test_nothing_twice() -> None:
    session = Session()
    session.connect()
    assert code(session.connect) == "out_of_order"
    session.start("s")
    assert code(session.start, "s") == "out_of_order"
    assert code(session.connect) == "out_of_order"


def test_nothing_after_the_end() -> None:
    session = Session()
    session.start("s")
    session.close()
    for refused in (session.connect, lambda: session.start("t"), lambda: session.check("media", "s")):
        assert code(refused) == "out_of_order"
    assert code(session.check_open, "error", None) == "out_of_order"


def test_another_stream() -> None:
    session = Session()
    session.start("s")
    assert code(session.check, "media", "t") == "wrong_stream"
    assert code(session.check_open, "error", "t") == "wrong_stream"
    session.check_open("error", "s")
    session.check_open("error", None)


def test_a_complaint_may_come_before_start() -> None:
    Session().check_open("error", "any")


def test_the_refusal_tells_event_and_stage() -> None:
    with pytest.raises(WireError, match="media while the stream is new"):
        Session().check("media", "s")
