"""Extracts the training texts from checkouts of public repositories into data/*.txt.xz.

    python -m tools.completeness.sources CHECKOUTS UTTERANCES CHAT
    python -m tools.completeness.sources natural FOLDER

CHECKOUTS: a folder of git repositories, each in owner+name. UTTERANCES: a folder of texts, one a line, which are
copied. CHAT: dataset.json of the package chitchat-dataset. FOLDER: `labels.jsonl`, `text/getgoing.jsonl` and
`text/primock57.jsonl` of the natural calls.
Licenses are in data/README.md. One line is one whole utterance; cleaned of white space and doubles, 300 characters at
most.
"""

import csv
import io
import json
import lzma
import random
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from zlib import crc32

from media.turn.backchannels import split_words
from media.turn.endpoint import is_unfinished, may_be_unfinished
from media.turn.expected_reply import expected_reply

DATA = Path(__file__).parent / "data"
LONGEST = 300
MOST_PARAGRAPHS = 1_500
_SENTENCE_END = re.compile(r"(?<=[.!?])[\"'\u201d]?\s+")
_PROSE_WORDS = (3, 30)
# A sentence may begin with a capital; "I" stands anywhere.
_PLAIN = re.compile(r"[A-Z]?(?:(?<=[.!?] )[A-Z]|\bI\b|[a-z ,.!?';-])+")
_TAG = re.compile(r"<[^>]*>|!b\b")
# Shorter gaps in a transcript are no pauses.
_LEAST_PAUSE_S = 0.2
_TITLES = re.compile(r"\b(Mr|Mrs|Ms|Dr|St|No)\.")


BOOKS = (
    ("katrine", "Katrine--A-Novel_14263", "14263.txt"),
    ("little_colonel", "The-Little-Colonel-s-Hero_15122", "15122.txt"),
    ("sheppard", "Jack-Sheppard--A-Romance_16215", "16215.txt"),
)


class Checkout:
    """One repository below the folder of checkouts; files are read from its newest commit."""

    def __init__(self, folder: Path, name: str) -> None:
        self._git = ("git", "-C", str(folder / name))

    def paths(self) -> list[str]:
        return self._run("ls-tree", "-r", "--name-only", "HEAD").splitlines()

    def read(self, path: str) -> str:
        """Raises subprocess.CalledProcessError when there is no such file."""
        return self._run("show", f"HEAD:{path}")

    def _run(self, *arguments: str) -> str:
        done = subprocess.run([*self._git, *arguments], check=True, capture_output=True, timeout=60)
        return done.stdout.decode("utf-8", "replace")


def restaurant_answers(checkout: Checkout) -> Iterator[str]:
    """Answers at a restaurant's booking line (restaurant8k)."""
    for path in checkout.paths():
        if path.startswith("span_extraction/restaurant8k/") and path.endswith(".json"):
            yield from (item["userInput"]["text"] for item in json.loads(checkout.read(path)))


def home_requests(checkout: Checkout) -> Iterator[str]:
    """Requests to a home assistant (NLU-Evaluation-Data, the Rasa form of its first fold, training and test part)."""
    for path in checkout.paths():
        if "/out4RasaReal/" in path and "/KFold_1/merged" in path:
            yield from (item["text"] for item in json.loads(checkout.read(path))["rasa_nlu_data"]["common_examples"])


def order_turns(checkout: Checkout) -> Iterator[str]:
    """The agent's turns of Taskmaster-4: whole sentences of speech, though not a caller's."""
    for path in checkout.paths():
        if path.startswith("TM-4-2024/data/"):
            for dialogue in json.loads(checkout.read(path)):
                yield from (turn["text"] for turn in dialogue["utterances"] if turn["speaker"] == "assistant")


def identity_answers(checkout: Checkout) -> Iterator[str]:
    """`item<TAB>text`: what a recognizer heard when callers were asked for postcode, name and date of birth (EVI)."""
    for row in csv.DictReader(io.StringIO(checkout.read("data/dialogues.en.tsv")), delimiter="\t"):
        yield f"{row['item']}\t{row['transcription']}"


def prose(checkout: Checkout, path: str) -> Iterator[str]:
    """Sentences of a book in the public domain, without the publisher's head and foot."""
    text = checkout.read(path).replace("\r", "")
    body = text[text.find("*** START") : text.find("*** END")].split("\n\n")
    for paragraph in body[12:MOST_PARAGRAPHS]:
        line = _TITLES.sub(r"\1", " ".join(paragraph.replace("_", "").replace('"', " ").split()))
        low, high = _PROSE_WORDS
        yield from (
            each for each in _SENTENCE_END.split(line) if low <= len(each.split()) <= high and each[-1] in ".!?"
        )


def conversations(checkout: Checkout) -> Iterator[str]:
    """Both sides of small talk and questions (chatterbot-corpus); one-line items of its YAML only."""
    for path in checkout.paths():
        if path.startswith("chatterbot_corpus/data/english/") and not path.endswith(("coding.yml", "tech_support.yml")):
            for line in checkout.read(path).splitlines():
                if line.startswith(("- - ", "  - ")):
                    yield line[4:].strip("'\"")


def chat_messages(path: Path, count: int = 30_000) -> list[str]:
    """Messages of 3 to 40 words of people who chat, without figures, addresses and (by their capitals) names."""
    dialogues = json.loads(path.read_text()).values()
    messages = (item["text"] for dialogue in dialogues for turn in dialogue["messages"] for item in turn)
    kept = sorted({each for each in messages if 3 <= len(each.split()) <= 40 and _PLAIN.fullmatch(each)})
    return random.Random(0).sample(kept, min(count, len(kept)))


def natural_answers(folder: Path) -> Iterator[str]:
    """Yield `kind of question<TAB>text` for the turns of GetGoing's development speakers that do not break off.

    The split is that of lab/listening/natural/recordings.py (`split_of`). Calls without a recording have no
    speaker; they are in no test.
    """
    recorded = {label["id"] for label in _read_lines(folder / "labels.jsonl")}
    for call in _read_lines(folder / "text" / "getgoing.jsonl"):
        speaker, prompt = call["spk"], ""
        if crc32(speaker.encode()) % 5 >= 3 if speaker else call["id"] in recorded:
            continue
        for turn in call["turns"]:
            text = _plain(turn["text"])
            if turn["who"] == "bot":
                prompt = text
            elif text and not _breaks_off(text):
                yield f"{expected_reply(prompt)}\t{text}"


def patient_turns(folder: Path) -> Iterator[tuple[str, bool]]:
    """Yield what patients of PriMock57 had said when they stopped, and whether their turn went on after a pause."""
    for call in _read_lines(folder / "text" / "primock57.jsonl"):
        said = ""
        for turn in call["turns"]:
            text = _plain(turn["text"]) if turn["who"] == "patient" else ""
            said = f"{said} {text}".strip() if turn["who"] == "patient" else ""
            goes_on = turn.get("next") == "hold"
            if text and goes_on and turn["gap"] >= _LEAST_PAUSE_S:
                yield _last_part(said), True
            elif text and turn.get("next") == "eot" and not _breaks_off(said):
                yield _last_part(said), False
            said = said if goes_on else ""


def _read_lines(path: Path) -> Iterator[dict[str, Any]]:
    return (json.loads(line) for line in path.read_text().splitlines())


def _plain(text: str) -> str:
    return " ".join(_TAG.sub(" ", text).split())


def _breaks_off(text: str) -> bool:
    return is_unfinished(text) or may_be_unfinished(split_words(text))


def _last_part(text: str) -> str:
    """The last LONGEST characters, from the beginning of a word on."""
    return text if len(text) <= LONGEST else text[-LONGEST:].partition(" ")[2]


def clean(lines: Iterable[str]) -> list[str]:
    """White space joined (a tab stays), empty and long lines and doubles dropped, order kept."""
    joined = ("\t".join(" ".join(part.split()) for part in line.split("\t")) for line in lines)
    return list(dict.fromkeys(line for line in joined if line and len(line) <= LONGEST))


def write(name: str, lines: Iterable[str]) -> None:
    kept = clean(lines)
    packed = lzma.compress(("\n".join(kept) + "\n").encode(), preset=9 | lzma.PRESET_EXTREME)
    (DATA / f"{name}.txt.xz").write_bytes(packed)
    print(f"{name}: {len(kept)} lines, {len(packed)} bytes")


def write_natural(folder: Path) -> None:
    patients = list(patient_turns(folder))
    write("getgoing", natural_answers(folder))
    write("primock57", (text for text, goes_on in patients if not goes_on))
    write("primock57_holds", (text for text, goes_on in patients if goes_on))


def main() -> None:
    if sys.argv[1] == "natural":
        return write_natural(Path(sys.argv[2]))
    checkouts, utterances = Path(sys.argv[1]), Path(sys.argv[2])
    for path in sorted(utterances.glob("*.txt")):
        write(path.stem, path.read_text().splitlines())
    write("restaurant8k", restaurant_answers(Checkout(checkouts, "PolyAI-LDN+task-specific-datasets")))
    write("evi", identity_answers(Checkout(checkouts, "PolyAI-LDN+evi-paper")))
    write("nlu_home", home_requests(Checkout(checkouts, "xliuhw+NLU-Evaluation-Data")))
    write("taskmaster4_agent", order_turns(Checkout(checkouts, "google-research-datasets+Taskmaster")))
    for name, repository, file in BOOKS:
        write(name, prose(Checkout(checkouts, f"GITenberg+{repository}"), file))
    write("chitchat", chat_messages(Path(sys.argv[3])))
    write("chatterbot", conversations(Checkout(checkouts, "gunthercox+chatterbot-corpus")))


if __name__ == "__main__":
    main()
