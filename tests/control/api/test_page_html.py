"""The HTML of the pages, by the rules of WCAG 2.2 that need no browser: labels, landmarks, errors, contrast."""

import re
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser

import pytest

from control.api.pages.email_pages import PAGES
from control.api.pages.html import STYLE, FilledForm, render_page

VOID = {"meta", "input", "link", "img", "br"}
Attributes = Mapping[str, str | None]


class Outline(HTMLParser):
    """elements: (tag, attributes, text within) in the document's order. Fails on a tag that is closed wrongly."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, Attributes, list[str]]] = []
        self._open: list[tuple[str, Attributes, list[str]]] = []
        self.feed(html)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = tag, dict(attrs), list[str]()
        assert len(element[1]) == len(attrs), f"{tag} has an attribute twice"
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        for _, _, text in self._open:
            text.append(data)

    def find(self, *tags: str) -> list[tuple[str, Attributes, str]]:
        """The elements with one of these tags, and the text within each."""
        return [(tag, attributes, "".join(text).strip()) for tag, attributes, text in self.elements if tag in tags]

    def text_of(self, element_id: str | None) -> str:
        """The text within the element with this id."""
        (found,) = [
            "".join(text).strip() for _, attributes, text in self.elements if attributes.get("id") == element_id
        ]
        return found


def forms_of(path: str, wrong: tuple[int, str] | None = None) -> list[FilledForm]:
    page = next(page for page in PAGES if page.path == path)
    return [
        FilledForm(one.form, "token", {}, wrong[1] if wrong and wrong[0] == number else None)
        for number, one in enumerate(page.submissions)
    ]


def all_states() -> Iterator[str]:
    for page in PAGES:
        forms = forms_of(page.path)
        yield render_page(page.title, page.text, forms)
        yield render_page(page.title, page.text, forms, "Too many requests.")
        yield render_page(page.title, "", (), "This link is not valid any more.")
        for number, one in enumerate(page.submissions):
            yield render_page(*one.done)
            for field in one.form.fields:
                yield render_page(page.title, page.text, forms_of(page.path, (number, field.name)), "It is wrong.")


@pytest.mark.parametrize("html", list(all_states()))
def test_every_state_of_a_page_can_be_used_with_a_keyboard_and_a_screen_reader(html: str) -> None:
    outline = Outline(html)
    assert [attributes["lang"] for _, attributes, _ in outline.find("html")] == ["en"]
    assert all(text for _, _, text in outline.find("title", "h1", "h2", "p", "button", "label", "a")), (
        "nothing is empty"
    )
    headings = [tag for tag, _, _ in outline.find("h1", "h2", "h3")]
    assert headings[0] == "h1" and headings.count("h1") == 1 and "h3" not in headings
    landmarks = [tag for tag, _, _ in outline.find("header", "main", "footer")]
    assert landmarks == ["header", "main"]
    ids = [attributes["id"] for _, attributes, _ in outline.elements if "id" in attributes]
    assert len(set(ids)) == len(ids)
    for _, attributes, _ in outline.elements:
        for name in ("for", "aria-describedby", "aria-labelledby"):
            assert all(outline.text_of(one) or name == "for" for one in (attributes.get(name) or "").split())
    inputs = [attributes for _, attributes, _ in outline.find("input") if attributes["type"] != "hidden"]
    assert [one["id"] for one in inputs] == [attributes["for"] for _, attributes, _ in outline.find("label")]
    assert not any(
        int(attributes["tabindex"] or 0) > 0 for _, attributes, _ in outline.elements if "tabindex" in attributes
    )
    assert not any("user-scalable" in (attributes.get("content") or "") for _, attributes, _ in outline.find("meta"))


def test_error_of_a_field_is_linked_to_it_and_read_with_it() -> None:
    forms = forms_of("/invitation", (0, "password"))
    outline = Outline(render_page("Join", "Text.", forms, "Choose a longer one."))
    assert outline.find("title")[0][2].startswith("Error: ")
    ((_, link, text),) = outline.find("a")
    assert text == "Choose a longer one."
    (field,) = [attributes for _, attributes, _ in outline.find("input") if "aria-invalid" in attributes]
    assert link["href"] == f"#{field['id']}" and "autofocus" in field
    described = [outline.text_of(one) for one in (field["aria-describedby"] or "").split()]
    assert described == ["Error: Choose a longer one.", "At least 10 characters."]
    assert sum("autofocus" in attributes for _, attributes, _ in outline.elements) == 1


def test_error_of_no_field_takes_the_focus_itself() -> None:
    outline = Outline(render_page("Join", "Text.", forms_of("/invitation"), "The address or password is wrong."))
    (alert,) = [attributes for _, attributes, _ in outline.elements if attributes.get("role") == "alert"]
    assert "autofocus" in alert and alert["tabindex"] == "-1" and not outline.find("a")


def test_the_two_forms_of_an_invitation_are_named_regions() -> None:
    outline = Outline(render_page("Join", "Text.", forms_of("/invitation")))
    named = [outline.text_of(attributes["aria-labelledby"]) for _, attributes, _ in outline.find("section")]
    assert named == [text for _, _, text in outline.find("h2")] and len(named) == 2


def luminance(colour: str) -> float:
    """Relative luminance of #rgb or #rrggbb (WCAG 2.2)."""
    digits = colour.lstrip("#")
    digits = "".join(digit * 2 for digit in digits) if len(digits) == 3 else digits
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(first: str, second: str) -> float:
    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_colours_have_a_contrast_of_seven_to_one(scheme: int) -> None:
    colours = dict(re.findall(r"--(\w+): (#\w+)", re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)[scheme]))
    for text in ("text", "line", "accent", "error"):
        assert contrast(colours[text], colours["back"]) >= 7, text
    assert contrast(colours["on"], colours["accent"]) >= 7
    assert contrast("#000", "#fff") == pytest.approx(21)
