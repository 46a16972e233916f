"""The tables of a run, as Markdown."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from lab.listening.figures import percentile, share
from lab.listening.natural.tables import TimedTurn, pause_lines, response_lines
from lab.listening.outside_scores import OutsideScore
from lab.listening.pauses import PAUSES_MS, PauseCase
from lab.listening.peers import PeerCase
from lab.listening.results import ListeningRun
from lab.listening.short_requests import short_request_table

_SCORED: Final = (
    ("hold", "go on (nods)", "virtual"),
    ("yield", "stop (interruptions)", "virtual"),
    ("hold", "go on (nods), over sockets", "socket"),
    ("yield", "stop (interruptions), over sockets", "socket"),
)
# Kinds of turns.
NATURAL, READ, SHORT = "natural, without a pause", "read sentences", "short acted turns"
# A turn whose words show its end is answered well within this, any other later.
SOON_MS: Final = 1_100
_PLACES: Final = {"inside": "inside a sentence", "open": "after an open word", "sentence": "between sentences"}


def tables(run: ListeningRun) -> Iterator[str]:
    """The lines of all families that were run."""
    yield (
        f"Set {run.set}; model {run.llm_ms} ms, voice {run.tts_ms} ms; silence {run.silence_ms} ms, "
        f"smart-turn {'on' if run.smart_turn else 'off'}{', teacher on' if run.teacher else ''}."
    )
    for rows in (
        response_lines(response_kinds(run)),
        pause_lines(run.natural_pauses),
        _pauses(run),
        short_request_table(run.short_requests),
        _hesitations(run),
        _overlaps(run),
        _rooms(run),
        _dictations(run),
    ):
        lines = list(rows)
        if lines:
            yield ""
            yield from lines


def response_kinds(run: ListeningRun) -> dict[str, Sequence[TimedTurn]]:
    """The kinds of turns whose response times are compared, the most important first."""
    natural = [case for case in run.natural_turns if not case.is_agent]
    getgoing = [case for case in natural if case.source == "getgoing"]
    others = [case for case in natural if case.source != "getgoing"]
    return {
        NATURAL: [case for case in natural if case.is_ordinary],
        "GetGoing, without a pause": [case for case in getgoing if case.is_ordinary],
        "Harper Valley and AWS, without a pause": [case for case in others if case.is_ordinary],
        "GetGoing, all turns at their natural rate": getgoing,
        "natural, whole calls streamed": run.natural_calls,
        READ: [case for case in run.pauses if not case.pause_ms],
        SHORT: run.turns,
        "short requests": run.short_requests,
    }


def _pauses(run: ListeningRun) -> Iterator[str]:
    if run.pauses:
        yield from pause_table(run.pauses)
    if run.turns:
        times = [case.response_ms for case in run.turns if case.response_ms is not None]
        soon = share([case.response_ms is not None and case.response_ms < SOON_MS for case in run.turns])
        if run.pauses:
            yield ""
        yield f"| short whole turns | answered within {SOON_MS} ms | response p50, p95, ms | none |"
        yield "| --- | --- | --- | --- |"
        yield f"| {len(run.turns)} | {soon:.1%} | {_middle(times)} | {len(run.turns) - len(times)} |"


def _hesitations(run: ListeningRun) -> Iterator[str]:
    cases = run.hesitations
    if cases:
        parts = [[case.was_cut for case in cases if case.place == place] for place in _PLACES]
        times = [case.response_ms for case in cases if case.response_ms is not None]
        yield "| in a pause | cases | cut | " + " | ".join(_PLACES.values()) + " | response p50, p95, ms |"
        yield "| --- | --- | --- |" + " --- |" * (len(_PLACES) + 1)
        cells = [f"{_rate(part)} of {len(part)}" for part in parts]
        yield (
            f"| a hesitation | {len(cases)} | {_rate([case.was_cut for case in cases])} | {' | '.join(cells)} "
            f"| {_middle(times)} |"
        )


def _overlaps(run: ListeningRun) -> Iterator[str]:
    families = {
        "nods": run.nods,
        "interruptions": run.interruptions,
        "nods, `eager`": run.eager_nods,
        "interruptions, `eager`": run.eager_interruptions,
        "a voice 20 dB softer": run.far_voices,
        "other sounds": run.noises,
    }
    if any(families.values()):
        yield (
            "| over the agent's answer | cases | answer survives | gap p50, p95, ms | lowered | after p50, p95, ms "
            "| after the first clear voice | silenced | after p50, p95, ms |"
        )
        yield "| --- |" + " --- |" * 8
    for name, cases in families.items():
        if cases:
            gaps = [case.gap_ms for case in cases if case.survived]
            cleared = [case.cleared_ms for case in cases if case.cleared_ms is not None]
            lowered = [case.lowered_ms for case in cases if case.lowered_ms is not None]
            clearly = [each for case in cases if (each := case.lowered_after_clear_ms) is not None]
            survived = share([case.survived for case in cases])
            yield (
                f"| {name} | {len(cases)} | {survived:.1%} | {_middle(gaps)} | {len(lowered) / len(cases):.1%} "
                f"| {_middle(lowered)} | {_middle(clearly)} | {len(cleared) / len(cases):.1%} | {_middle(cleared)} |"
            )


def _rooms(run: ListeningRun) -> Iterator[str]:
    heard = {"babble, 10 dB": run.babble}
    for level in sorted({case.level_db for case in run.quiet}, reverse=True):
        heard[f"caller at {level:g} dB of full scale"] = [case for case in run.quiet if case.level_db == level]
    if run.babble or run.quiet:
        yield "| place | cases | heard whole and answered | 70 % of the words | answered | response p50, p95, ms |"
        yield "| --- | --- | --- | --- | --- | --- |"
    for name, cases in heard.items():
        if cases:
            times = [case.response_ms for case in cases if case.response_ms is not None]
            whole, words = share([case.is_whole for case in cases]), share([case.has_words for case in cases])
            answered = len(times) / len(cases)
            yield f"| {name} | {len(cases)} | {whole:.1%} | {words:.1%} | {answered:.1%} | {_middle(times)} |"
    if run.noise:
        minutes, ghosts = sum(case.minutes for case in run.noise), sum(case.ghosts for case in run.noise)
        yield ""
        yield f"Noise: {ghosts} false turns in {minutes:g} minutes."


def _dictations(run: ListeningRun) -> Iterator[str]:
    if run.dictations:
        yield "| dictated | cases | cut | end found after, ms, p50, worst | none |"
        yield "| --- | --- | --- | --- | --- |"
    for name in dict.fromkeys(case.name for case in run.dictations):
        cases = [case for case in run.dictations if case.name == name]
        times = [case.decided_ms for case in cases if case.decided_ms is not None]
        ends = f"{percentile(times, 50):.0f}, {max(times):.0f}" if times else "-"
        cut = sum(case.was_cut for case in cases)
        yield f"| {name} | {len(cases)} | {cut} | {ends} | {len(cases) - len(times)} |"


def score_table(scores: Sequence[OutsideScore]) -> Iterator[str]:
    """Verdicts of the tool that is not ours."""
    yield "| scored by hotato: the agent should | recordings | passed | silent after p50, p95, ms | talk-over p50, ms |"
    yield "| --- | --- | --- | --- | --- |"
    for expected, title, place in _SCORED:
        some = [score for score in scores if (score.expected, score.place) == (expected, place)]
        if some:
            times = [one.yield_ms for one in some if one.yield_ms is not None]
            over = percentile([one.talk_over_ms for one in some], 50)
            passed = sum(one.passed for one in some)
            yield f"| {title} | {len(some)} | {passed} | {_middle(times)} | {over:.0f} |"


def peer_table(cases: Sequence[PeerCase]) -> Iterator[str]:
    """Cuts and responses of other servers."""
    yield "| server | " + " | ".join(f"cut at {pause_ms} ms" for pause_ms in PAUSES_MS) + " | response p50, p95, ms |"
    yield "| --- |" + " --- |" * (len(PAUSES_MS) + 1)
    for server in dict.fromkeys(case.server for case in cases):
        own = [case for case in cases if case.server == server]
        cuts = [share([case.was_cut for case in own if case.pause_ms == pause_ms]) for pause_ms in PAUSES_MS]
        times = [case.response_ms for case in own if case.response_ms is not None]
        yield f"| {server} | {' | '.join(f'{cut:.0%}' for cut in cuts)} | {_middle(times)} |"


def _middle(values: Sequence[float]) -> str:
    return f"{percentile(values, 50):.0f}, {percentile(values, 95):.0f}" if values else "-"


def pause_table(cases: Sequence[PauseCase]) -> Iterator[str]:
    """Cuts by length of the pause and by place, then response times."""
    yield "| pause, ms | cases | cut | " + " | ".join(_PLACES.values()) + " | after a word that ends no sentence |"
    yield "| --- | --- | --- | --- |" + " --- |" * len(_PLACES)
    for pause_ms in (*PAUSES_MS, None):
        rows = [case for case in cases if case.pause_ms and pause_ms in (None, case.pause_ms)]
        parts = [[case for case in rows if case.place == place] for place in _PLACES]
        parts.append([case for case in rows if case.ends_nothing])
        cells = [f"{_cut(rows)}", *(f"{_cut(part)} of {len(part)}" for part in parts)]
        yield f"| {pause_ms or 'all'} | {len(rows)} | {' | '.join(cells)} |"
    whole = [case for case in cases if not case.pause_ms]
    yield f"| own pauses only | {len(whole)} | {_cut(whole)} | |" + " |" * len(_PLACES)
    yield ""
    yield "| response after the true end, ms | cases | p50 | p95 | none |"
    yield "| --- | --- | --- | --- | --- |"
    yield _response("clips without a pause", cases, lambda case: not case.pause_ms)
    yield _response("after pauses that were not cut", cases, lambda case: bool(case.pause_ms) and not case.was_cut)
    yield _response("all", cases, lambda case: True)


def _cut(cases: Sequence[PauseCase]) -> str:
    return _rate([case.was_cut for case in cases])


def _rate(were_cut: Sequence[bool]) -> str:
    return f"{share(were_cut):.1%}" if were_cut else "-"


def _response(title: str, cases: Sequence[PauseCase], wanted: Callable[[PauseCase], bool]) -> str:
    times = [case.response_ms for case in cases if wanted(case)]
    known = [time for time in times if time is not None]
    return (
        f"| {title} | {len(times)} | {percentile(known, 50):.0f} | {percentile(known, 95):.0f} "
        f"| {len(times) - len(known)} |"
    )
