"""What the recognizer in use signals of the end of the caller's turn, passed on until another one takes its place."""

from dataclasses import replace

from media.providers.ports import NO_TURN_SIGNAL, RecognizedText, SpeechToTextSink, TurnSignal


def join_texts(earlier: str, text: str) -> str:
    """A turn's text, with that of recognizers which have failed since."""
    return f"{earlier} {text}".strip() if earlier else text


def join_result(earlier: str, result: RecognizedText) -> RecognizedText:
    """A result with the turn's text of recognizers that have failed since. Its language holds for the turn only if it
    is that of most of it."""
    if not earlier:
        return result
    text = join_texts(earlier, result.text)
    is_most = 2 * len(result.text) > len(text)
    return replace(result, text=text, language=result.language if is_most else "")


class TurnSignals:
    """The signals of one call's recognizers."""

    def __init__(self, sink: SpeechToTextSink) -> None:
        self._sink = sink
        self._is_one_out = False

    def pass_on(self, signal: TurnSignal, earlier_text: str) -> None:
        """Passes one on. earlier_text: of the turn, by recognizers that have failed since."""
        self._is_one_out = signal.finished is not None or signal.resumed
        self._sink(replace(signal, text=join_texts(earlier_text, signal.text)))

    def drop(self) -> None:
        """The recognizer is listened to no longer: takes its signal back, if one was passed on."""
        if self._is_one_out:
            self._is_one_out = False
            self._sink(NO_TURN_SIGNAL)
