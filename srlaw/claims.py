"""The ledger: every checkable claim of the paper, and the verdicts that the chapters reach.

A chapter ends a check with ``verdict(claim, evidence)``; the claim's rule in `srlaw.rules` finds the word and the
sentence. The returned card is shown on the page and carries the verdict as data in the notebook's stored output,
so the notebooks are the only place where verdicts live: the scoreboard on the front page and ``srlaw claims`` read
them from there.
"""

from __future__ import annotations

import html
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

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
MIME = "application/vnd.srlaw.verdict+json"


@dataclass(frozen=True)
class Claim:
    """One checkable statement of the paper; `place` is where it stands there."""

    id: str
    place: str
    statement: str


CLAIMS = (
    Claim("lemma-3.1", "Lemma 3.1, Eq. (8)",
          "For a first-order stationary Markov chain and r below the smallest gap between states, ApEn(m, r) equals "
          "the entropy rate −Σ π(x) p_xy ln p_xy for any m."),
    Claim("lemma-3.2", "Lemma 3.2, Eq. (10)",
          "For two probability vectors, Σ x log(1/x) ≤ Σ x log(1/y)."),
    Claim("theorem-3.3", "Theorem 3.3, Eq. (12)",
          "For first-order aperiodic stationary user sequences, the total minimum code length is at least "
          "#Tokens / ApEn."),
    Claim("apen-duplication", "Section 3.2.2",
          "ApEn is positively correlated with duplication, opposite to conventional entropy, so 1/ApEn measures "
          "data quality."),
    Claim("lemma-3.4", "Lemma 3.4, Eqs. (22)–(23)",
          "The loss has the form log Z + 1/Z + log l + 1/l − c, with Z between two multiples of a ball's volume."),
    Claim("theorem-3.5", "Theorem 3.5, Eq. (24)",
          "There are exponents for which log Z + 1/Z lies between two expressions log(d_emb^a d^b) + 1/(d_emb^a d^b)."),
    Claim("eq-1", "Eq. (1)", "Loss follows the scaling law [(N_c/N)^(α_N/α_D) + D_c/D]^α_D."),
    Claim("eq-2", "Eq. (2)",
          "Chinchilla's fitted parameters are E = 1.61, A = 406.4, B = 410.7, α = 0.34, β = 0.28."),
    Claim("performance-is-linear-in-loss", "Section 3.3", "Performance = 1 − k·L for HR@10 and NDCG@10."),
    Claim("eq-7", "Eq. (7)", "HR@10 and NDCG@10 follow the Performance Law in N, d_emb and D'."),
    Claim("few-small-points", "Section 1",
          "A few initial small-scale training points are enough to infer the effect of depth and width."),
    Claim("dataset-scales", "Abstract",
          "“Our method enables accurate predictions across various dataset scales and model sizes.”"),
    Claim("table-1-data", "Table 1, data columns", "Token counts, mean lengths and ApEn/T of the data sets."),
    Claim("table-1-fits", "Table 1, fit column", "The parameter 1/D_L fitted to the loss of each data set."),
    Claim("table-2-data", "Table 2, data columns", "Tokens, mean lengths, ApEn and tokens/ApEn of the data sets."),
    Claim("table-2-fits", "Table 2, fit columns", "The fitted D' and w5 of each data set and metric."),
    Claim("figure-1", "Figure 1", "Performance typically decays as the model grows: a significant U-shape."),
    Claim("figure-2", "Figure 2", "Loss against depth and width follows the scaling law on KuaiRand."),
    Claim("r2-above-0.95", "Section 5.2", "All R² values of the loss fits exceed 0.95."),
    Claim("figure-3", "Figure 3", "The Performance Law fits HR@10 over depth and width with the printed R²."),
    Claim("figure-4", "Figure 4", "The fitted data parameter is linear in #Tokens/ApEn, for loss and performance."),
    Claim("figure-5", "Figure 5", "The Performance Law fits NDCG@10 over depth and width with the printed R²."),
    Claim("eq-29", "Eq. (29)", "The HR@10 law of Huawei Music has its global optimum at the d_emb that Table 3 marks."),
    Claim("eq-30", "Eq. (30)", "The NDCG@10 law of Huawei Music gives the optima that Table 3 marks."),
    Claim("table-3", "Table 3",
          "The configurations that the law calls optimal, (64, 370) or (64, 603) globally and (48, 14) under a budget, "
          "perform best when trained."),
    Claim("table-4", "Table 4", "Larger w3 and w4 go with higher optimal HR@10 among HSTU, LLaMA and SASRec."),
)  # fmt: skip
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
            f'<div class="srlaw-verdict"><p><span class="srlaw-badge srlaw-{self.verdict}">'
            f"{text(self.verdict.replace('-', ' '))}</span> <strong>{text(self.claim.place)}.</strong> "
            f"{text(self.claim.statement)}</p><p>{text(self.because)}</p>"
            f'<table class="srlaw-evidence"><tbody>{rows}</tbody></table>'
            f"<p><em>What would change this:</em> {text(self.would_change)}</p></div>"
        )


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
    """Every claim with its verdict, in the paper's order: what ``srlaw claims --json`` prints.

    Args:
        notebooks: folder of executed notebooks; by default the repository's own.

    Returns:
        One dict a claim: ``id, place, statement, verdict, evidence, because, would_change, chapter``. A claim that
        no chapter has judged has the verdict ``open`` and no chapter.

    Raises:
        InputError: if the package lies outside its repository, or two chapters judge the same claim.
    """
    folder = repository("notebooks") if notebooks is None else notebooks
    judged: dict[str, dict] = {}
    for path in sorted(folder.glob("[0-9A][0-9]-*.ipynb")):
        for record in _verdicts_in(path):
            if record["id"] in judged:
                raise InputError(f"{judged[record['id']]['chapter']} and {path.stem} both judge {record['id']}")
            judged[record["id"]] = {**record, "evidence": dict(record["evidence"]), "chapter": path.stem}
    unjudged = {"verdict": "open", "evidence": {}, "because": None, "would_change": None, "chapter": None}
    return [
        {"id": c.id, "place": c.place, "statement": c.statement, **unjudged, **judged.get(c.id, {})} for c in CLAIMS
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
