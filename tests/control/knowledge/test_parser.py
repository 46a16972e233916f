"""The child process that reads documents: what it makes of files that are hostile, damaged or too large."""

import asyncio
import sys
import zlib
from dataclasses import replace

import pytest
from fpdf import FPDF

from control.knowledge.parser import DocumentParser, DocumentRefused
from control.knowledge.parser_process import clean_text
from control.knowledge.rules import DocumentFormat, KnowledgeLimits

LIMITS = KnowledgeLimits(documents=10, chunks=1_000, bytes=10_000_000, pages=5, characters=20_000)


def make_pdf(pages: int, text: str = "A crown costs {number} dollars.", password: str = "") -> bytes:
    """A PDF with one sentence a page."""
    pdf = FPDF()
    pdf.set_font("helvetica")
    if password:
        pdf.set_encryption(owner_password=password, user_password=password)
    for number in range(pages):
        pdf.add_page()
        pdf.multi_cell(0, 8, text.format(number=480 + number))
    return bytes(pdf.output())


def make_bomb(megabytes: int) -> bytes:
    """A PDF whose page is a stream that unpacks to so much."""
    packed = zlib.compress(b"0 0 m " * (megabytes * 1024 * 1024 // 6), 9)
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 4 0 R >>",
        b"<< /Length %d /Filter /FlateDecode >>\nstream\n%s\nendstream" % (len(packed), packed),
    ]  # fmt: skip
    body, places = b"%PDF-1.4\n", []
    for number, text in enumerate(objects, 1):
        places.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, text)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    tail = b"xref\n0 5\n0000000000 65535 f \n%strailer << /Size 5 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF"
    return body + tail % (table, len(body))


async def refusal(data: bytes, kind: DocumentFormat = "pdf", parser: DocumentParser | None = None) -> str:
    """Why the document is refused."""
    with pytest.raises(DocumentRefused) as caught:
        await (parser or DocumentParser()).parse(data, kind, LIMITS)
    return caught.value.code


async def test_pages_of_a_pdf_are_numbered() -> None:
    parsed = await DocumentParser().parse(make_pdf(2), "pdf", LIMITS)
    assert [(section.page, section.text) for section in parsed.sections] == [
        (1, "A crown costs 480 dollars."), (2, "A crown costs 481 dollars."),
    ]  # fmt: skip
    assert parsed.pages == 2


async def test_documents_beyond_the_limits_are_refused() -> None:
    assert await refusal(make_pdf(6)) == "too_many_pages"
    assert await refusal(b"word " * 5_000, "text") == "too_long"
    assert await refusal(make_pdf(1, password="secret")) == "encrypted"
    assert await refusal(make_pdf(1, text=" ")) == "no_text"
    assert await refusal(b"<html><script>a</script></html>", "html") == "no_text"
    assert await refusal(b"%PDF-1.7 and then nothing") == "unreadable"
    cut = make_pdf(2)
    assert await refusal(cut[: len(cut) // 3]) in ("unreadable", "no_text")


def test_texts_hold_nothing_that_cannot_be_stored() -> None:
    assert clean_text("a\0b\ud800c\nd\te") == "a b c\nd\te"


async def test_bomb_costs_no_more_than_a_document_may() -> None:
    """A page of 100 kB that unpacks to 100 MB."""
    bomb = make_bomb(100)
    assert len(bomb) < 200_000
    assert await refusal(bomb) in ("too_costly", "unreadable", "no_text")


async def test_process_is_ended_when_it_takes_too_long_writes_too_much_or_dies() -> None:
    def child(code: str, wall_s: float = 30.0) -> DocumentParser:
        return DocumentParser(wall_s=wall_s, command=(sys.executable, "-c", code))

    assert await refusal(b"a", "text", child("import time; time.sleep(60)", 0.3)) == "too_costly"
    assert await refusal(b"a", "text", child("while True: print('x' * 65536)")) == "too_costly"
    assert await refusal(b"a" * 1_000_000, "text", child("import os; os.kill(os.getpid(), 9)")) == "too_costly"
    assert await refusal(b"a" * 1_000_000, "text", child("raise NotImplementedError")) == "unreadable"


async def test_process_is_limited_and_has_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOCALIZED_SECRET_KEYS", "secret")
    code = (
        "from control.knowledge.parser_process import limit_process; import json, os, resource\n"
        "limit_process()\n"
        "most = resource.getrlimit(resource.RLIMIT_AS)[0], resource.getrlimit(resource.RLIMIT_CPU)[0]\n"
        "text = ' '.join([*os.environ, *map(str, most)])\n"
        "print(json.dumps({'sections': [{'text': text}]}))"
    )
    parsed = await DocumentParser(command=(sys.executable, "-c", code)).parse(b"", "text", LIMITS)
    names = parsed.sections[0].text.split()
    assert "VOCALIZED_SECRET_KEYS" not in names
    assert names[-2:] == [str(512 * 1024 * 1024), "20"]


async def test_parser_can_be_cancelled() -> None:
    parser = DocumentParser(command=(sys.executable, "-c", "import time; time.sleep(60)"))
    task = asyncio.create_task(parser.parse(b"a", "text", replace(LIMITS)))
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
