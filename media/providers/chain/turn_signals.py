"""The turn signals of the recognizer in use, which are passed on until another recognizer takes its place."""

from dataclasses import replace

from media.providers.ports import NO_TURN_SIGNAL, RecognizedText, SpeechToTextSink, TurnSignal


def join_texts(earlier: str, text: str) -> str:
    """Return a turn's text, including the text of recognizers that have failed since."""
    return f"{earlier} {text}".strip() if earlier else text


def join_result(earlier: str, result: RecognizedText) -> RecognizedText:
    """Return a result that includes the turn's text of recognizers that have failed since.

    The result keeps its language only if it contributes most of the text.
    """
    if not earlier:
        return result
    text = join_texts(earlier, result.text)
    is_most = 2 * len(result.text) > len(text)
    return replace(result, text=text, language=result.language if is_most else "")


class TurnSignals:
    """The turn signals of one call's recognizers."""

    def __init__(self, sink: SpeechToTextSink) -> None:
        self._sink = sink
        self._is_one_out = False

    def pass_on(self, signal: TurnSignal, earlier_text: str) -> None:
        """Pass a signal on.

        Args:
            earlier_text: The turn's text from recognizers that have failed since.
        """
        self._is_one_out = signal.finished is not None or signal.resumed
        self._sink(replace(signal, text=join_texts(earlier_text, signal.text)))

    def drop(self) -> None:
        """Withdraw the last signal, if there is one, because its recognizer is no longer used."""
        if self._is_one_out:
            self._is_one_out = False
            self._sink(NO_TURN_SIGNAL)
