"""Which of both an Accept header prefers."""

import pytest

from control.http.responses.json_or_pdf import wants_pdf


@pytest.mark.parametrize(
    ("accept", "pdf"),
    [
        ("", False), ("*/*", False), ("application/pdf", True), ("application/json", False),
        ("application/pdf, application/json", False), ("application/pdf, application/json;q=0.9", True),
        ("application/pdf;q=0.5, */*", False), ("text/html, application/pdf;q=0.8, */*;q=0.1", True),
        ("application/*;q=0.3, application/pdf", True), ("application/pdf;q=none", False), ("text/plain", False),
        ("APPLICATION/PDF", True), ("application/pdf;q=2", False), ("," * 10_000 + "application/pdf", False),
    ],
)  # fmt: skip
def test_json_unless_a_pdf_is_preferred(accept: str, pdf: bool) -> None:
    assert wants_pdf(accept) is pdf
