"""Fonts with a few letters, made for a test: squares whose glyphs have names."""

from pathlib import Path

from fontTools.feaLib.builder import addOpenTypeFeaturesFromString  # type: ignore[import-untyped]
from fontTools.fontBuilder import FontBuilder  # type: ignore[import-untyped]
from fontTools.pens.ttGlyphPen import TTGlyphPen  # type: ignore[import-untyped]

# Letters as they stand alone, and at the begin and the end of a word (OpenType, features init and fina).
JOINING = """
languagesystem DFLT dflt;
languagesystem arab dflt;
feature init { sub beh by beh.init; } init;
feature fina { sub beh by beh.fina; } fina;
"""


def make_font(path: Path, letters: dict[str, str], features: str = "", forms: tuple[str, ...] = ()) -> Path:
    """letters: names of glyphs by letter. forms: further glyphs, which only features lead to."""
    names = [".notdef", *letters.values(), *forms]
    builder = FontBuilder(1_000, isTTF=True)
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap({ord(letter): name for letter, name in letters.items()})
    pen = TTGlyphPen(None)
    pen.moveTo((100, 0))
    for point in ((100, 700), (900, 700), (900, 0)):
        pen.lineTo(point)
    pen.closePath()
    builder.setupGlyf(dict.fromkeys(names, pen.glyph()))
    builder.setupHorizontalMetrics(dict.fromkeys(names, (1_000, 100)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": path.stem, "styleName": "Regular", "psName": path.stem})
    builder.setupOS2(sTypoAscender=800, sTypoDescender=-200, usWinAscent=800, usWinDescent=200)
    builder.setupPost()
    if features:
        addOpenTypeFeaturesFromString(builder.font, features)
    builder.save(path)
    return path
