"""The results of a test run as JUnit XML, which CI systems read."""

from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree import ElementTree

Report = Mapping[str, Any]


def make_junit(suite: str, results: Sequence[tuple[str, Report]]) -> bytes:
    """Returns the document.

    Args:
        suite: Name of the agent.
        results: Name and report of each case.
    """
    failed = [bool(list_failures(report)) for _, report in results]
    errors = sum(bool(report["error"]) for _, report in results)
    counts = {"tests": len(results), "failures": sum(failed), "errors": errors}
    root = ElementTree.Element("testsuite", {"name": suite, **{name: str(count) for name, count in counts.items()}})
    for name, report in results:
        seconds = f"{report['duration_ms'] / 1_000:.3f}"
        case = ElementTree.SubElement(root, "testcase", {"name": _plain(name), "classname": suite, "time": seconds})
        if report["error"]:
            ElementTree.SubElement(case, "error", {"message": _plain(report["error"])})
        failures = list_failures(report)
        if failures:
            fault = ElementTree.SubElement(case, "failure", {"message": _plain(failures[0])})
            fault.text = _plain("\n".join([*failures, "", *_list_utterances(report)]))
    document: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return document


def list_failures(report: Report) -> list[str]:
    """Returns a line for each verdict that does not hold."""
    return [
        f"{verdict['check']}: {verdict['detail']}{_place(verdict['at_ms'])}"
        for verdict in report["verdicts"]
        if not verdict["passed"]
    ]


def _list_utterances(report: Report) -> list[str]:
    return [
        f"{utterance['start_ms'] / 1_000:7.1f} s  {utterance['speaker']}: {utterance['text']}"
        for utterance in report["utterances"]
    ]


def _place(at_ms: int | None) -> str:
    return "" if at_ms is None else f" (at {at_ms / 1_000:.1f} s)"


def _plain(text: str) -> str:
    """Returns the text without characters that XML does not allow."""
    return "".join(char for char in text if char in "\t\n" or char >= " ")
