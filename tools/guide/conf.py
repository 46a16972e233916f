"""Sphinx's settings for the site. `python -m tools.guide` builds it."""

project = "Vocalized"
html_title = "Vocalized"
extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
# Anchors of headings as GitHub makes them; levels that documents link to.
myst_heading_anchors = 4
myst_enable_extensions: list[str] = []
# Decisions and experiments have their own lists, and pages with Mermaid show its text.
suppress_warnings = ["toc.not_included", "myst.header", "misc.highlighting_failure"]
html_theme = "furo"
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_show_copyright = False
html_use_index = False
pygments_style = "default"
