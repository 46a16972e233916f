"""HTML of the pages: no script, no image, one style sheet, which the Content-Security-Policy allows by its hash."""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from html import escape
from typing import Final

# Colours have a contrast of 7 to 1 at least (WCAG 2.2, AAA); buttons and fields are 44 px high or more (2.5.5).
STYLE: Final = """
:root { color-scheme: light dark; --text: #1b1b1b; --back: #fff; --line: #595959; --accent: #0b4a8f; --on: #fff;
  --error: #8f1010 }
@media (prefers-color-scheme: dark) { :root { --text: #f1f1f1; --back: #161616; --line: #b5b5b5; --accent: #9cc9ff;
  --on: #101010; --error: #ffb3b3 } }
* { box-sizing: border-box }
body { margin: 0; color: var(--text); background: var(--back); font: 1.125rem/1.5 system-ui, sans-serif;
  overflow-wrap: break-word }
header, main { max-width: 34rem; margin: 0 auto; padding: 0 1rem }
header { padding-top: 1.5rem; font-weight: 600; color: var(--accent) }
main { padding-bottom: 4rem }
h1 { margin: 1.5rem 0 1rem; font-size: 1.75rem; line-height: 1.2 }
h2 { margin: 0; font-size: 1.25rem; line-height: 1.3 }
p { margin: 1rem 0 }
section { margin-top: 2.5rem; padding-top: 1.5rem; border-top: 1px solid var(--line) }
label { display: block; margin-top: 1.25rem; font-weight: 600 }
.hint { margin: 0; color: var(--line) }
.wrong { margin: 0; color: var(--error); font-weight: 600 }
input { width: 100%; min-height: 2.75rem; margin-top: .25rem; padding: .5rem; font: inherit; color: inherit;
  background: var(--back); border: 2px solid var(--line); border-radius: .25rem }
input[aria-invalid] { border-color: var(--error) }
button { min-height: 2.75rem; margin-top: 1.5rem; padding: .5rem 1.5rem; font: inherit; font-weight: 600;
  color: var(--on); background: var(--accent); border: 2px solid transparent; border-radius: .25rem; cursor: pointer }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px }
.error { padding: .75rem 1rem; color: var(--error); border: 2px solid; border-radius: .25rem }
.error a { color: inherit }
"""
POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{b64encode(sha256(STYLE.encode()).digest()).decode()}'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


@dataclass(frozen=True, slots=True)
class InputField:
    """A field of a form. name: of the body's field. autocomplete: its purpose, for browsers and aids (WCAG 1.3.5).
    length: the fewest and most characters; 0: it may be empty. wrong: what to say when the body refuses its value."""

    name: str
    label: str
    type: str
    autocomplete: str
    length: tuple[int, int]
    hint: str = ""
    wrong: str = ""


@dataclass(frozen=True, slots=True)
class Form:
    """A form with the token of the link. heading: of its section; empty for the page's only form. action: a path of one
    segment; the page names it without the slash, so that it works behind a proxy that adds a prefix, too."""

    action: str
    button: str
    fields: Sequence[InputField] = ()
    heading: str = ""


@dataclass(frozen=True, slots=True)
class FilledForm:
    """A form as it is shown. values: what was entered before, passwords excepted. invalid: name of a wrong field."""

    form: Form
    token: str
    values: dict[str, str]
    invalid: str | None = None


def render_page(title: str, text: str, forms: Sequence[FilledForm] = (), error: str = "") -> str:
    """A whole page; all texts are escaped. error: shown above the forms, where it leads to the wrong field, and at that
    field."""
    paragraph = f"<p>{escape(text)}</p>\n" if text else ""
    body = "".join(_form(number, filled, error) for number, filled in enumerate(forms))
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{"Error: " if error else ""}{escape(title)} | Vocalized</title>
<style>{STYLE}</style>
</head>
<body>
<header>Vocalized</header>
<main>
<h1>{escape(title)}</h1>
{_alert(error, forms)}{paragraph}{body}</main>
</body>
</html>
"""


def _alert(error: str, forms: Sequence[FilledForm]) -> str:
    """The error; it takes the focus unless a wrong field does, so that screen readers read it out without a script."""
    if not error:
        return ""
    for number, filled in enumerate(forms):
        if any(field.name == filled.invalid for field in filled.form.fields):
            link = f'<a href="#{_id(number, filled.invalid)}">{escape(error)}</a>'
            return f'<p class="error" role="alert">{link}</p>\n'
    return f'<p class="error" role="alert" tabindex="-1" autofocus>{escape(error)}</p>\n'


def _form(number: int, filled: FilledForm, error: str) -> str:
    form = filled.form
    inputs = "".join(_input(_id(number, field.name), field, filled, error) for field in form.fields)
    html = f"""<form method="post" action="{escape(form.action.lstrip("/"))}">
<input type="hidden" name="token" value="{escape(filled.token)}">
{inputs}<button type="submit">{escape(form.button)}</button>
</form>
"""
    if not form.heading:
        return html
    heading = _id(number, "heading")
    return f'<section aria-labelledby="{heading}">\n<h2 id="{heading}">{escape(form.heading)}</h2>\n{html}</section>\n'


def _input(element: str, field: InputField, filled: FilledForm, error: str) -> str:
    notes, described = "", []
    attributes = f'id="{element}" name="{field.name}" type="{field.type}" autocomplete="{field.autocomplete}"'
    if field.hint:
        notes += f'<p class="hint" id="{element}-hint">{escape(field.hint)}</p>\n'
        described.append(f"{element}-hint")
    if filled.invalid == field.name:
        notes += f'<p class="wrong" id="{element}-error">Error: {escape(error)}</p>\n'
        described.insert(0, f"{element}-error")
        attributes += ' aria-invalid="true" autofocus'
    attributes += f' aria-describedby="{" ".join(described)}"' if described else ""
    attributes += _bounds(field, filled.values.get(field.name, ""))
    attributes += " required" if field.length[0] else ""
    return f'<label for="{element}">{escape(field.label)}</label>\n{notes}<input {attributes}>\n'


def _bounds(field: InputField, value: str) -> str:
    shortest, longest = field.length
    bounds = f' minlength="{shortest}"' if shortest > 1 else ""
    if field.type == "password":
        # No maxlength: browsers would cut a pasted password without a word, and its owner could never sign in with it.
        return bounds
    return f'{bounds} maxlength="{longest}" value="{escape(value)}"'


def _id(number: int, name: str | None) -> str:
    return f"f{number}-{name}"
