"""The order of a stream's events."""

import pytest

from media.telephony.codec import MediaProtocolError
from media.telephony.session import StreamSession, StreamStage


def code(call: object, *args: object) -> str:
    assert callable(call)
    with pytest.raises(MediaProtocolError) as caught:
        call(*args)
    return caught.value.code


def test_whole_stream() -> None:
    session = StreamSession()
    session.connect()
    session.start("s")
    session.check("media", "s")
    session.close()
    assert session.stage is StreamStage.CLOSED
    assert session.stream_id is None


def test_connected_is_not_required() -> None:
    session = StreamSession()
    session.start("s")
    assert session.stream_id == "s"


@pytest.mark.parametrize("event", ["media", "dtmf", "mark", "stop"])
def test_events_before_start_are_refused(event: str) -> None:
    session = StreamSession()
    assert code(session.check, event, "s") == "out_of_order"
    session.connect()
    assert code(session.check, event, "s") == "out_of_order"


def test_start_comes_once_and_connected_only_before_it() -> None:
    session = StreamSession()
    session.connect()
    session.connect()
    session.start("s")
    assert code(session.start, "s") == "out_of_order"
    assert code(session.connect) == "out_of_order"


def test_events_after_the_end_are_refused() -> None:
    session = StreamSession()
    session.start("s")
    session.close()
    for refused in (session.connect, lambda: session.start("t"), lambda: session.check("media", "s")):
        assert code(refused) == "out_of_order"
    assert code(session.check_open, "error", None) == "out_of_order"


def test_events_of_another_stream_are_refused() -> None:
    session = StreamSession()
    session.start("s")
    assert code(session.check, "media", "t") == "wrong_stream"
    assert code(session.check_open, "error", "t") == "wrong_stream"
    session.check_open("error", "s")
    session.check_open("error", None)


def test_error_event_may_come_before_start() -> None:
    StreamSession().check_open("error", "any")


def test_error_names_event_and_stage() -> None:
    with pytest.raises(MediaProtocolError, match="media while the stream is new"):
        StreamSession().check("media", "s")
