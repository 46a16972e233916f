"""Letters on invoices that Roboto lacks, from an operator's fonts: in the right order and form."""

import re
import zlib
from pathlib import Path

import pytest

from control.billing.invoices.fonts import list_fonts
from control.billing.invoices.pdf import make_pdf
from control.billing.invoices.rules import InvoiceDocument
from tests.control.billing.small_fonts import JOINING, make_font
from tests.control.billing.test_invoice_pdf import invoice, line, pdf, texts

ALEF, BET, BEH = "\u05d0", "\u05d1", "\u0628"


@pytest.fixture(scope="module")
def fonts(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    """Chinese; Hebrew with Arabic."""
    folder = tmp_path_factory.mktemp("fonts")
    make_font(folder / "chinese.ttf", {"東": "east", "京": "capital"})
    make_font(folder / "semitic.ttf", {ALEF: "alef", BET: "bet", BEH: "beh"}, JOINING, ("beh.init", "beh.fina"))
    (folder / "LICENSE.txt").write_text("Free")
    return list_fonts(folder)


def make(name: str, fonts: tuple[Path, ...]) -> bytes:
    return make_pdf(InvoiceDocument(("Vocalized",), invoice(name), [line(1)], [], fonts))


def streams(content: bytes) -> list[bytes]:
    found = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", content, re.DOTALL)
    return [zlib.decompress(data) if data[:1] == b"x" else data for data in found]


def test_letters_come_from_the_first_font_that_has_them(fonts: tuple[Path, ...]) -> None:
    assert [font.name for font in fonts] == ["chinese.ttf", "semitic.ttf"]
    shown = texts(make("東京\u0e01", fonts))
    assert "東京" in shown and "?" in shown.partition("東京")[2], "no font has the Thai letter"


def test_hebrew_goes_from_right_to_left(fonts: tuple[Path, ...]) -> None:
    assert BET + ALEF in texts(make(ALEF + BET, fonts)), "as it is drawn, from the left"


def test_arabic_letters_are_joined(fonts: tuple[Path, ...]) -> None:
    """The same letter has one glyph at the begin of a word and another one at its end."""
    maps = [stream for stream in streams(make(BEH + BEH, fonts)) if b"beginbfchar" in stream]
    assert max(stream.count(b"<0628>") for stream in maps) == 2


def test_text_behind_other_letters_has_its_own_font(fonts: tuple[Path, ...]) -> None:
    (page,) = (stream for stream in streams(make("東京", fonts)) if b" Td " in stream)
    before, _, behind = page.partition(b"/F3 10.00 Tf")
    assert before and b"/F1 10.00 Tf" in behind.partition(b" Td ")[0], "before the country's letters"


def test_an_invoice_without_such_letters_stays_the_same_file(fonts: tuple[Path, ...]) -> None:
    assert make("Łukasz", fonts) == make("Łukasz", ())
    assert "Łukasz" in texts(pdf(1, "Łukasz"))


def test_names_a_file_that_is_not_a_font(tmp_path: Path) -> None:
    (tmp_path / "broken.otf").write_bytes(b"no font")
    with pytest.raises(ValueError, match=r"broken\.otf is not a font"):
        list_fonts(tmp_path)
    with pytest.raises(ValueError, match="missing cannot be read"):
        list_fonts(tmp_path / "missing")
