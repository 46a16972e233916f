"""Measures turn-taking by other projects' benchmarks: the figures of docs/experiments/outside-benchmarks.md.

    python -m tools.outside_benchmarks ten CHECKOUT      # texts of the TEN turn test set, from its git repository
    python -m tools.outside_benchmarks ami FOLDER        # hotato's 13 AMI scenarios (manifest.json, audio, scenarios)
    python -m tools.outside_benchmarks pauses FOLDER     # eot-bench's policy sweep over labels.jsonl and its recordings
    python -m tools.outside_benchmarks duplex CHECKOUT   # the example inputs of Full-Duplex-Bench v1

The data is not part of this repository. `ami` needs `python -m lab.listening fetch` first.
"""

import io
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile

from lab.listening.__main__ import CACHE, open_recognitions
from lab.listening.outside_scores import OutsideTool, write_stereo
from lab.listening.overlaps import ANSWER, ANSWER_MS
from lab.listening.sound import (
    RATE,
    USUAL_DB,
    Samples,
    active_level,
    at_level,
    resample,
    room_noise,
    to_frames,
    to_pcm,
)
from lab.listening.sources import HOTATO, fetch
from lab.listening.virtual_call import CallSetup, ListeningEngines, load_smart_turn, run_call
from media.turn.completeness import load_completeness_model
from media.turn.expected_reply import ExpectedReply, expected_reply
from shared.plan import TurnPlan

# eot-bench: a score 200 ms into a pause; pauses within a turn of 0.2 to 5 s; the grids of its policies, in seconds.
SCORED_S, HOLD_S = 0.2, (0.2, 5.0)
DELAYS_S, TIMEOUTS_S = np.arange(0.2, 1.01, 0.1), np.arange(1.0, 3.51, 0.5)
LEAD_S = 0.4
# Of the English part of the TEN turn test set, so many lines are spoken; the others are written prose.
SPOKEN_LINES = 99


class Pause(NamedTuple):
    """A pause of a caller. is_end: of the turn. words, sound: the probability that it is, by each model."""

    group: str
    is_end: bool
    seconds: float
    words: float
    sound: float


def read_git(checkout: Path, path: str) -> bytes:
    return subprocess.run(["git", "-C", str(checkout), "show", f"HEAD:{path}"], check=True, capture_output=True).stdout


def area(ends: np.ndarray, others: np.ndarray) -> float:
    """The area under the ROC curve."""
    above = ends[:, None] > others[None]
    return float((above + 0.5 * (ends[:, None] == others[None])).mean())


def ten(checkout: Path) -> None:
    """Accuracy of the completeness model on the English lines."""
    model, scores = load_completeness_model(), {}
    for name in ("finished", "unfinished"):
        lines = read_git(checkout, f"TEN-Turn-TestSet/{name}.txt").decode().splitlines()
        scores[name] = np.array(model.probabilities([line for line in lines if line.strip() and line.isascii()]))
    for title, count in (("all", None), ("spoken", SPOKEN_LINES)):
        finished, unfinished = scores["finished"][:count], scores["unfinished"][:count]
        print(f"{title}: finished {len(finished)}, unfinished {len(unfinished)}, AUC {area(finished, unfinished):.3f}")
        for limit in (0.3, 0.5, 0.65, 0.88):
            print(f"  {limit}: {(finished >= limit).mean():.2%}, {(unfinished < limit).mean():.2%}")


def ami(folder: Path) -> None:
    """The caller's headset over our agent's answer; hotato judges whether and when the agent falls silent."""
    tool = OutsideTool(fetch(HOTATO, CACHE / "packages").parents[1])
    clips = json.loads((folder / "manifest.json").read_text())["clips"]
    (CACHE / "ami").mkdir(parents=True, exist_ok=True)
    with open_recognitions(CACHE) as recognizer:
        engines = ListeningEngines(recognizer, completeness=load_completeness_model())
        for barge_in in ("adaptive", "eager"):
            turn = TurnPlan(barge_in="eager") if barge_in == "eager" else TurnPlan()
            setup = CallSetup(turn=turn, greeting=ANSWER, speech_ms=ANSWER_MS)
            for kind in ("labeled speech", "whole headset"):
                scores = []
                for clip in clips:
                    frames = to_frames(headset(folder, clip["id"], only_labeled=kind == "labeled speech"))
                    path = CACHE / "ami" / f"{clip['id']}.wav"
                    write_stereo(path, frames, run_call(frames, setup, engines).agent)
                    expected = "yield" if clip["category"] == "should_yield" else "hold"
                    onset_ms = clip["caller_onset_sec"] * 1_000
                    scores.append(tool.score(path, clip["id"], expected=expected, onset_ms=onset_ms))
                for expected in ("yield", "hold"):
                    some = [score for score in scores if score.expected == expected]
                    times = sorted(score.yield_ms for score in some if score.yield_ms is not None)
                    passed = sum(score.passed for score in some)
                    print(f"{barge_in}, {kind}: {expected}: {passed} of {len(some)} passed; silent after {times} ms")


def headset(folder: Path, name: str, *, only_labeled: bool) -> Samples:
    """The caller's channel; what is outside the labeled speech can be replaced by noise, because others are heard."""
    scenario = json.loads((folder / "scenarios" / f"{name}.json").read_text())
    samples, rate = soundfile.read(folder / "audio" / f"{name}.example.flac", dtype="float32")
    caller = resample(np.ascontiguousarray(samples[:, 0]), rate)
    spans = scenario["reference_render"]["caller_segments_sec"]
    speech = np.concatenate([caller[int(start * RATE) : int(end * RATE)] for start, end in spans])
    caller = np.clip(caller * 10 ** ((USUAL_DB - active_level(speech)) / 20), -1, 1).astype(np.float32)
    if only_labeled:
        kept = np.zeros(len(caller), bool)
        for start, end in spans:
            kept[max(0, int((start - 0.05) * RATE)) : int((end + 0.1) * RATE)] = True
        caller = np.where(kept, caller, room_noise(speech, len(caller) * 1_000 // RATE + 1, 1)[: len(caller)])
    return np.concatenate([caller, room_noise(speech, 4_000, 3)]).astype(np.float32)


def pauses(folder: Path) -> None:
    """eot-bench's figures for three kinds of evidence, on recorded callers."""
    found = list(scored_pauses(folder))
    groups = {"GetGoing": ("getgoing",), "Harper Valley and AWS": ("harper-valley", "aws-lca"), "all": ()}
    for title, names in groups.items():
        some = [pause for pause in found if not names or pause.group in names]
        ends, holds = ([pause for pause in some if pause.is_end is is_end] for is_end in (True, False))
        print(f"{title}: {len(ends)} ends, {len(holds)} pauses")
        lengths = np.array([pause.seconds for pause in holds])
        for kind in ("silence only", "words", "sound", "words and sound"):
            print(f"  {kind}: {sweep(evidence(ends, kind), evidence(holds, kind), lengths, kind)}")


def evidence(some: Sequence[Pause], kind: str) -> np.ndarray:
    words, sound = (np.array([pause[place] for pause in some]) for place in (3, 4))
    logits = [np.log(np.clip(one, 1e-6, 1 - 1e-6) / (1 - np.clip(one, 1e-6, 1 - 1e-6))) for one in (words, sound)]
    return {"words": words, "sound": sound, "words and sound": logits[0] + logits[1]}.get(kind, np.zeros(len(some)))


def sweep(ends: np.ndarray, holds: np.ndarray, lengths: np.ndarray, kind: str) -> str:
    """The best false cutoff rate at two latencies, and the best mean latency at two rates."""
    points = []
    if kind == "silence only":
        points = [(float((lengths > wait).mean()), wait) for wait in [*DELAYS_S, *TIMEOUTS_S]]
    else:
        for limit in [-np.inf, *np.quantile(np.concatenate([ends, holds]), np.linspace(0, 1, 101))]:
            for delay in DELAYS_S:
                for timeout in TIMEOUTS_S:
                    cut = (lengths > timeout) | ((holds > limit) & (lengths > delay))
                    points.append((float(cut.mean()), float(np.where(ends > limit, delay, timeout).mean())))
    rates = [min((rate for rate, wait in points if wait <= most + 1e-9), default=1.0) for most in (0.3, 0.6)]
    waits = [min((wait for rate, wait in points if rate <= most + 1e-9), default=np.inf) for most in (0.05, 0.1)]
    text = (
        f"cut at 300, 600 ms {rates[0]:.1%}, {rates[1]:.1%}; ms at 5%, 10% {waits[0] * 1e3:.0f}, {waits[1] * 1e3:.0f}"
    )
    return text if kind == "silence only" else f"{text}; AUC {area(ends, holds):.3f}"


def scored_pauses(folder: Path) -> Iterator[Pause]:
    smart_turn, model = load_smart_turn(), load_completeness_model()
    with open_recognitions(CACHE) as recognizer:
        for line in (folder / "labels.jsonl").read_text().splitlines():
            call = json.loads(line)
            if call["conf"] != "high":
                continue
            samples, rate = soundfile.read(folder / call["caller"], dtype="float32", always_2d=True)
            caller = resample(np.ascontiguousarray(samples[:, call["caller_ch"]]), rate)
            for event, start, prompt in turns_of(call):
                before = call.get("time_offset", 0)
                first, last = (int((at - before) * RATE) for at in (start - LEAD_S, event["t"] + SCORED_S))
                heard = caller[max(0, first) : last]
                if len(heard) < RATE // 4 or active_level(heard) < -80:
                    continue
                pcm = to_pcm(at_level(heard, USUAL_DB))
                text = recognizer.transcribe(pcm, RATE).text
                asked = expected_reply(prompt) if prompt else ExpectedReply.REPLY
                words = model.probabilities([text], asked=asked)[0]
                seconds = event["gap"] if event["gap"] is not None else np.inf
                yield Pause(call["set"], event["type"] == "eot", seconds, words, smart_turn(pcm))


def turns_of(call: dict) -> Iterator[tuple[dict, float, str]]:
    """Each pause that counts, when its turn began, and what had been asked."""
    start, number = (call["ipus"][0][0] if call["ipus"] else 0.0), 0
    for event in call["events"]:
        prompts = call.get("turns", [])
        prompt = prompts[number].get("prompt") or "" if number < len(prompts) else ""
        is_hold = event["type"] == "hold" and HOLD_S[0] <= event["gap"] <= HOLD_S[1]
        if is_hold or event["type"] == "eot":
            yield event, start, prompt
        if event["type"] in ("eot", "last", "inside-other"):
            start, number = event.get("next") or event["t"], number + 1


def duplex(checkout: Path) -> None:
    """Our call with the example inputs: when the agent sounds."""
    examples = "v1_v1.5/evaluation/example_data"
    with open_recognitions(CACHE) as recognizer:
        engines = ListeningEngines(recognizer, completeness=load_completeness_model())
        for name, label in (
            ("pause_handling", "pause"),
            ("smooth_turn_taking", "turn_taking"),
            ("user_interruption", "interrupt"),
        ):
            place = f"{examples}/{name}_example/1"
            samples, rate = soundfile.read(
                io.BytesIO(read_git(checkout, f"{place}/input.wav")), always_2d=True, dtype="float32"
            )
            caller = at_level(resample(np.ascontiguousarray(samples[:, 0]), rate), USUAL_DB)
            frames = to_frames(np.concatenate([caller, room_noise(caller, 4_000, 1)]))
            outcome = run_call(frames, replace(CallSetup(), speech_ms=4_000), engines)
            print(
                name,
                f"{len(caller) / RATE:.2f} s",
                json.loads(read_git(checkout, f"{place}/{label}.json"))[0]["timestamp"],
            )
            print("  agent audible (ms):", [(round(span.start), round(span.end)) for span in outcome.spans])


def main() -> None:
    {"ten": ten, "ami": ami, "pauses": pauses, "duplex": duplex}[sys.argv[1]](Path(sys.argv[2]))


if __name__ == "__main__":
    main()
