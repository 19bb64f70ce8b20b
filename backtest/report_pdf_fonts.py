"""The fonts of report.pdf: one that comes with the PDF library, and for signs that it lacks one of the system's."""

from functools import cache
from pathlib import Path

from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFError, TTFont

REGULAR, BOLD, WIDER = "report", "report-bold", "report-wider"
BOX = "□"
SYSTEM = (  # same design with more scripts first; whichever is there
    "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
    "/usr/share/fonts/dejavu/DejaVuSans.ttf",
    "/usr/share/fonts/dejavu-sans-fonts/DejaVuSans.ttf",
    "/usr/share/fonts/truetype/noto/NotoSans-Regular.ttf",
    "/usr/share/fonts/truetype/liberation/LiberationSans-Regular.ttf",
    "/Library/Fonts/Arial Unicode.ttf",
    "C:/Windows/Fonts/arial.ttf",
)


@cache
def register() -> None:
    """Once a process. Without a system font reasons in other scripts are boxes, and nothing else is lost."""
    pdfmetrics.registerFont(TTFont(REGULAR, "Vera.ttf"))
    pdfmetrics.registerFont(TTFont(BOLD, "VeraBd.ttf"))
    # Paragraphs look for a family's bold face; ours are named outright.
    pdfmetrics.registerFontFamily(REGULAR, normal=REGULAR, bold=BOLD, italic=REGULAR, boldItalic=BOLD)
    for path in SYSTEM:
        if Path(path).exists():
            try:
                pdfmetrics.registerFont(TTFont(WIDER, path))
            except (TTFError, OSError):
                continue
            return


@cache
def signs(font: str) -> frozenset[int]:
    if font not in pdfmetrics.getRegisteredFontNames():
        return frozenset()
    return frozenset(pdfmetrics.getFont(font).face.charToGlyph)


def safe(marked: str) -> str:
    """Escaped text in which each sign has a glyph: from the wider font where needed, a box where there is none."""
    if all(ord(sign) in signs(REGULAR) for sign in marked):
        return marked
    parts: list[str] = []
    for sign in marked:
        if ord(sign) in signs(REGULAR):
            parts.append(sign)
        elif sign.isspace() or not sign.isprintable():
            parts.append(" ")
        elif ord(sign) in signs(WIDER):
            parts.append(f'<font name="{WIDER}">{sign}</font>')
        elif ord(BOX) in signs(WIDER):
            parts.append(f'<font name="{WIDER}">{BOX}</font>')
        else:
            parts.append("?")
    return "".join(parts)
