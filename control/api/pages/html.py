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
body { margin: 0; color: var(--text); background: var(--back); font: 1.125rem/1.5 system-ui, sans-serif }
main { max-width: 32rem; margin: 0 auto; padding: 2rem 1rem 4rem }
h1 { font-size: 1.75rem; line-height: 1.2 }
h2 { font-size: 1.25rem; margin: 2.5rem 0 0 }
label { display: block; margin-top: 1.25rem; font-weight: 600 }
.hint { margin: 0; color: var(--line) }
input { width: 100%; min-height: 2.75rem; padding: .5rem; font: inherit; color: inherit; background: var(--back);
  border: 2px solid var(--line); border-radius: .25rem }
input[aria-invalid] { border-color: var(--error) }
button { min-height: 2.75rem; margin-top: 1.5rem; padding: .5rem 1.5rem; font: inherit; font-weight: 600;
  color: var(--on); background: var(--accent); border: 2px solid transparent; border-radius: .25rem; cursor: pointer }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px }
.error { padding: .75rem 1rem; color: var(--error); border: 2px solid; border-radius: .25rem }
"""
POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{b64encode(sha256(STYLE.encode()).digest()).decode()}'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


@dataclass(frozen=True, slots=True)
class InputField:
    """A field of a form. name: of the body's field. autocomplete: its purpose, for browsers and aids (WCAG 1.3.5).
    length: the fewest and most characters."""

    name: str
    label: str
    type: str
    autocomplete: str
    length: tuple[int, int]
    hint: str = ""


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
    """A whole page. error: shown above the forms and read out by screen readers; all texts are escaped."""
    alert = f'<p class="error" role="alert">{escape(error)}</p>\n' if error else ""
    body = "".join(_form(number, filled) for number, filled in enumerate(forms))
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
<main>
<h1>{escape(title)}</h1>
{alert}<p>{escape(text)}</p>
{body}</main>
</body>
</html>
"""


def _form(number: int, filled: FilledForm) -> str:
    form = filled.form
    heading = f"<h2>{escape(form.heading)}</h2>\n" if form.heading else ""
    inputs = "".join(_input(number, field, filled) for field in form.fields)
    return f"""{heading}<form method="post" action="{escape(form.action.lstrip("/"))}">
<input type="hidden" name="token" value="{escape(filled.token)}">
{inputs}<button type="submit">{escape(form.button)}</button>
</form>
"""


def _input(number: int, field: InputField, filled: FilledForm) -> str:
    element = f"f{number}-{field.name}"
    hint = f'<p class="hint" id="{element}-hint">{escape(field.hint)}</p>\n' if field.hint else ""
    described = f' aria-describedby="{element}-hint"' if field.hint else ""
    wrong = ' aria-invalid="true" autofocus' if filled.invalid == field.name else ""
    shortest, longest = field.length
    bounds = (f' minlength="{shortest}"' if shortest > 1 else "") + f' maxlength="{longest}"'
    value = "" if field.type == "password" else f' value="{escape(filled.values.get(field.name, ""))}"'
    return f"""<label for="{element}">{escape(field.label)}</label>
{hint}<input id="{element}" name="{field.name}" type="{field.type}" autocomplete="{field.autocomplete}"\
{value}{bounds}{described}{wrong} required>
"""
