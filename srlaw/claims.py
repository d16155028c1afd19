"""The ledger: every checkable claim of the publications examined, and the verdicts that the chapters reach.

The claims are data, one file a publication in `srlaw/ledger`.

A chapter ends a check with ``verdict(claim, evidence)``; the claim's rule in `srlaw.rules` finds the word and the
sentence. The returned card is shown on the page and carries the verdict as data in the notebook's stored output,
so the notebooks are the only place where verdicts live: the scoreboard on the front page and ``srlaw claims`` read
them from there.
"""

from __future__ import annotations

import html
import itertools
import json
import math
import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from srlaw.errors import InputError
from srlaw.files import repository
from srlaw.rules import RULES

# weaker-than-claimed: true only in a form that says less
VERDICTS = (
    "reproduced",
    "reproduced-with-correction",
    "weaker-than-claimed",
    "contradicted",
    "not-reproducible",
    "open",
)
WORDS = {verdict: verdict.replace("-", " ") for verdict in VERDICTS} | {
    "reproduced-with-correction": "reproduced with a correction"
}
"""Verdict → what every badge of the book calls it."""
LEDGER = Path(__file__).parent / "ledger"
MIME = "application/vnd.srlaw.verdict+json"


@dataclass(frozen=True)
class Publication:
    """One that the book examines: its ledger is `srlaw/ledger/ID.yml`, and `cite` its key in the bibliography."""

    id: str
    title: str
    cite: str


@dataclass(frozen=True)
class Claim:
    """One checkable statement of a publication; `place` is where it stands there.

    `needs` says what it would take to judge it, of a claim that no chapter judges yet. `was` is the word that an
    earlier version of the book had, `revised` the rival or reading that a hostile reading of the book brought in.
    """

    id: str
    place: str
    statement: str
    publication: Publication
    needs: str = ""
    was: str = ""
    revised: str = ""


def _read() -> tuple[Claim, ...]:
    """All claims, publication by publication in the order that their files give."""
    files = {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in LEDGER.glob("*.yml")}
    claims = []
    for name, content in sorted(files.items(), key=lambda pair: pair[1]["order"]):
        publication = Publication(name, content["title"], content["cite"])
        claims += [Claim(publication=publication, **claim) for claim in content["claims"]]
    return tuple(claims)


CLAIMS = _read()
_BY_ID = {claim.id: claim for claim in CLAIMS}


@dataclass(frozen=True)
class Verdict:
    """A chapter's judgement of one claim; displays as a card and is stored as data."""

    claim: Claim
    verdict: str
    evidence: dict[str, float | int | str | bool]
    because: str
    would_change: str

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict:
        record = {
            "id": self.claim.id,
            "verdict": self.verdict,
            "evidence": [list(pair) for pair in self.evidence.items()],  # a notebook file sorts the keys of a dict
            "because": self.because,
            "would_change": self.would_change,
        }
        return {MIME: record, "text/html": self._html(), "text/plain": f"{self.claim.id}: {self.verdict}"}

    def _html(self) -> str:
        text = html.escape
        rows = "".join(
            f"<tr><th>{text(name)}</th><td>{text(shown(value))}</td></tr>" for name, value in self.evidence.items()
        )
        return (
            f'<div class="srlaw-verdict" id="{anchor(self.claim.id)}"><p>'
            f'<span class="srlaw-badge srlaw-{self.verdict}">'
            f"{WORDS[self.verdict]}</span> <strong>{text(self.claim.place)}.</strong> "
            f"{text(self.claim.statement)}</p><p>{text(self.because)}</p>"
            f'<table class="srlaw-evidence"><tbody>{rows}</tbody></table>'
            f"<p><em>What would change this:</em> {text(self.would_change)}</p></div>"
        )


def listing(rows: Sequence[dict]) -> str:
    """The rows of `ledger` as text: verdict, place and chapter of each claim, what it says below, the counts last."""
    lines = []
    for publication, group in itertools.groupby(rows, key=lambda row: row["publication"]):
        lines.append(publication)
        for row in group:
            where = f" ({row['chapter']})" if row["chapter"] else ""
            lines.append(f"  {WORDS[row['verdict']]:<{max(map(len, WORDS.values()))}}  {row['place']}{where}")
            lines += textwrap.wrap(row["statement"], 100, initial_indent=6 * " ", subsequent_indent=6 * " ")
        lines.append("")
    counts = Counter(row["verdict"] for row in rows)
    told = ", ".join(f"{counts[verdict]} {words}" for verdict, words in WORDS.items() if counts[verdict])
    return "\n".join([*lines, f"{len(rows)} claims: {told}"])


def anchor(claim_id: str) -> str:
    """The id that the card of a claim has on its page."""
    return "claim-" + claim_id.replace(".", "-")


def verdict(claim_id: str, evidence: Mapping[str, object]) -> Verdict:
    """Judge one claim by its rule. The rule sees the evidence as it is; the card rounds it to five significant digits.

    Args:
        claim_id: an id in `CLAIMS` that has a rule in `srlaw.rules.RULES`.
        evidence: the names that the rule asks for → number, word, boolean, or tuple of numbers; None only where the
            rule has words for what is missing.

    Raises:
        InputError: for a claim without a rule, and for evidence that the rule does not ask for, that lacks, or that is
            not finite.
    """
    if claim_id not in _BY_ID:
        raise InputError(f"there is no claim {claim_id!r}; the ids are {', '.join(_BY_ID)}")
    if claim_id not in RULES:
        raise InputError(f"no rule judges {claim_id}; write one in srlaw/rules")
    rule = RULES[claim_id]
    evidence = {name: _plain(value) for name, value in evidence.items()}
    card = rule.card(evidence)
    for line, value in card.items():
        if value is None or (isinstance(value, float) and not math.isfinite(value)):
            raise InputError(f"evidence {line!r} of {claim_id} is {value}")
    word, because = rule.judge(evidence)
    rounded = {line: _rounded(value) for line, value in card.items()}
    return Verdict(_BY_ID[claim_id], word, rounded, because, rule.would_change[word])


def _plain(value):
    return value.item() if hasattr(value, "item") else value  # a numpy number


def _rounded(value):
    if isinstance(value, tuple):
        return ", ".join(shown(part) for part in value)
    return float(f"{value:.5g}") if isinstance(value, float) else value


def ledger(notebooks: Path | None = None) -> list[dict]:
    """Every claim with its verdict, by publication and in its order: what ``srlaw claims --json`` prints.

    Args:
        notebooks: folder of executed notebooks; by default the repository's own.

    Returns:
        One dict a claim: ``id, publication, place, statement, verdict, evidence, because, would_change, chapter``. A
        claim that no chapter has judged has the verdict ``open``, no chapter, and as ``because`` what it would take.

    Raises:
        InputError: if the package lies outside its repository, or two chapters judge the same claim.
    """
    folder = repository("notebooks") if notebooks is None else notebooks
    judged: dict[str, dict] = {}
    for path in sorted(folder.glob("[0-9A][0-9]*-*.ipynb")):
        for record in _verdicts_in(path):
            if record["id"] in judged:
                raise InputError(f"{judged[record['id']]['chapter']} and {path.stem} both judge {record['id']}")
            judged[record["id"]] = {**record, "evidence": dict(record["evidence"]), "chapter": path.stem}
    unjudged = {"verdict": "open", "evidence": {}, "would_change": None, "chapter": None}
    return [
        {
            **{"id": c.id, "publication": c.publication.id, "place": c.place, "statement": c.statement},
            **{"because": c.needs, **unjudged, **judged.get(c.id, {})},
        }
        for c in CLAIMS
    ]


def _verdicts_in(path: Path) -> list[dict]:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    return [output["data"][MIME] for output in outputs if MIME in output.get("data", {})]


def shown(value: float | int | str | bool) -> str:
    """A piece of evidence as people read it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    return f"{value:,.0f}" if value == int(value) else f"{value:,.5g}"
