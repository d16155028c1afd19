"""The picture of the README: every claim under the word that the book gives it, as an SVG drawn from the ledger.

`python book/scoreboard_picture.py` writes `book/_static/scoreboard.svg`, and so does every build of the book.
"""

import re
from html import escape
from pathlib import Path

from srlaw import claims

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "book/_static/scoreboard.svg"
WIDTH, LINE, TILE, GAP, LETTER = 880, 26, 20, 6, 6.4  # pixels; LETTER is a generous width of one at size 12
OPEN = "#5c6670"


def colours() -> dict[str, str]:
    """Those of the badges in the book's style sheet; open claims have none there."""
    css = (ROOT / "book/_static/book.css").read_text(encoding="utf-8")
    found = {word: re.search(rf"\.srlaw-{word} {{ background: (#\w+)", css) for word in claims.VERDICTS}
    return {word: match[1] if match else OPEN for word, match in found.items()}


def draw(rows: list[dict]) -> str:
    """The SVG of a ledger, see `srlaw.claims.ledger`."""
    parts, y, fill = [], 0, colours()
    for word in claims.VERDICTS:
        own = [row for row in rows if row["verdict"] == word]
        if not own:
            continue
        y += LINE
        title = f"{claims.WORDS[word]}: {len(own)}"
        parts.append(f'<text x="0" y="{y - 8}" font-size="13" font-weight="bold" fill="{fill[word]}">{title}</text>')
        x = 0.0
        for row in own:
            text = escape(row["place"])
            width = LETTER * len(row["place"]) + 14
            if x and x + width > WIDTH:
                x, y = 0.0, y + TILE + GAP
            parts.append(f'<rect x="{x:.0f}" y="{y}" width="{width:.0f}" height="{TILE}" rx="4" fill="{fill[word]}"/>')
            parts.append(f'<text x="{x + 7:.0f}" y="{y + 14}" font-size="12" fill="white">{text}</text>')
            x += width + GAP
        y += TILE + GAP
    said = f"{len(rows)} claims by the verdict of the book"
    box = f"-12 -4 {WIDTH + 24} {y + 12}"
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}" font-family="sans-serif" role="img">'
    ground = f'<rect x="-12" y="-4" width="{WIDTH + 24}" height="{y + 12}" rx="8" fill="white"/>'
    return "\n".join([head, f"<title>{said}</title>", ground, *parts, "</svg>", ""])


def write() -> None:
    """Bring the picture up to date; leave it alone if it is."""
    fresh = draw(claims.ledger())
    if not PICTURE.exists() or PICTURE.read_text(encoding="utf-8") != fresh:
        PICTURE.write_text(fresh, encoding="utf-8")


if __name__ == "__main__":
    write()
