"""Colours and sizes of figures, and texts in them."""

from __future__ import annotations

from typing import Final

from matplotlib.font_manager import FontProperties, findfont, get_font

from latticecell.errors import printable

# Okabe & Ito, https://jfly.uni-koeln.de/color/: told apart by colour-blind readers
BLUE: Final = "#0072B2"
VERMILLION: Final = "#D55E00"
GREEN: Final = "#009E73"
PURPLE: Final = "#CC79A7"
BLACK: Final = "#000000"

WIDTH_INCH: Final = 7.1
"""Width of a two-column journal page."""
ROW_INCH: Final = 2.35
DPI: Final = 200
FONT: Final = 8
LONG_RUN_S: Final = 20000.0


def plain(text: str) -> str:
    """Return a text from outside for a figure: dollar signs are no mathematics, controls are escaped.

    What the font lacks becomes a box.
    """
    glyphs = get_font(findfont(FontProperties())).get_charmap()
    shown = "".join(c if ord(c) in glyphs else "□" for c in printable(text))
    return shown.replace("$", r"\$")
