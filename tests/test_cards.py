"""What opens a chapter, and how its stored outputs are shown, as far as no built page is needed (see test_book.py)."""

import importlib
import json
import re
from pathlib import Path

import pytest

from srlaw import claims
from srlaw.chapters import openings
from srlaw.errors import InputError
from srlaw.evidence import check, fill, named

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted(ROOT.glob("notebooks/[0-9A][0-9]*.ipynb"))
CHAPTERS = [path.stem for path in NOTEBOOKS]
WRITTEN = re.compile(r"\{(evidence|stored)\}`([^`]*)`")
# What is no result: names of equations and the like, of metrics, and the bound that a lemma states.
NAMES = re.compile(r"(Eqs?\.|Tables?|Figures?|Lemma|Theorem) \(?\d[\d.]*\)?|(HR|NDCG)@\d+|MovieLens-1M|“1 < Loss”")
POWER = re.compile(r"(?<![\w#.-])\d[\d.]*e[-+]?\d+(?!\w)")


@pytest.fixture(scope="module")
def cards():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "book/_ext"))
        yield importlib.import_module("cards")


@pytest.fixture(scope="module")
def outputs():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "book/_ext"))
        yield importlib.import_module("outputs")


@pytest.fixture(scope="module")
def ledger():
    return {row["id"]: row for row in claims.ledger()}


def stored(path):
    """(MIME type, text) of every output of a notebook that is shown."""
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        for output in cell.get("outputs", ()):
            data = output.get("data", {})
            for mime in ("text/html", "text/markdown"):
                if mime in data:
                    yield mime, "".join(data[mime])


def test_no_entry_is_without_its_chapter(cards):
    assert set(cards.entries(ROOT / "book")) <= set(CHAPTERS)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=CHAPTERS)
def test_every_chapter_has_a_card_a_chart_and_its_code(cards, ledger, path):
    made = cards.entry(cards.entries(ROOT / "book"), path.stem)
    judged = check(made.get("written_for", ""), made.get("holds", ""), ledger)
    values = named(ledger[judged[0]]) if judged else openings.numbers(path.stem)
    assert any(letter.isdigit() for letter in fill(made["number"], values))
    assert 3 <= len(made["reading"]) <= 6
    spec, anchor = cards.tagged_chart(path)
    assert spec["description"]
    assert anchor.startswith("chart-")
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    assert 2 <= len(made["code"]) <= 4
    for text in made["code"]:
        source, line = cards.definition(*cards.place_of(text.partition(" in ")[0]))
        assert source.startswith(("def ", "@"))
        assert line > 0
    assert len(cards.with_code(cells, made["code"], path.stem)) > len(cells)


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_no_number_of_a_card_is_typed(cards, ledger, chapter):
    made = cards.entry(cards.entries(ROOT / "book"), chapter)
    for text in (*made["reading"], made["says"], made.get("asks", "")):
        for role, inside in WRITTEN.findall(text):
            claim, _, wording = inside.partition(":")
            values = openings.numbers(chapter) if role == "stored" else named(ledger[claim])
            shown = inside if role == "stored" else wording.strip()
            assert fill(shown, values) != shown, text  # the names are there, and it has one
            assert role == "stored" or claim in made["written_for"], text
        assert not re.search(r"\d", NAMES.sub("", WRITTEN.sub("", text))), text


def test_a_chapter_without_a_card_is_told_what_to_write(cards):
    with pytest.raises(InputError, match=re.escape("no entry 99-new; add one with asks, number, says and reading")):
        cards.entry({}, "99-new")
    with pytest.raises(InputError, match=re.escape("the entry 99-new of book/cards.yml has colour; a card has")):
        cards.entry({"99-new": {"colour": 1}}, "99-new")
    with pytest.raises(
        InputError, match=re.escape("names no claim in written_for, and srlaw.chapters.openings has no numbers")
    ):
        cards.entry({"99-new": {"asks": "?"}}, "99-new")


def test_a_card_needs_one_chart(cards, tmp_path):
    path = tmp_path / "01-none.ipynb"
    path.write_text(json.dumps({"cells": [{"metadata": {}, "outputs": []}]}))
    with pytest.raises(InputError, match=re.escape("0 cells of 01-none have the tag key-chart, with 0 charts")):
        cards.tagged_chart(path)


def test_code_stands_behind_the_cell_that_calls_it(cards):
    cells = [{"cell_type": "code", "source": text} for text in ("import f", "x = f(1)", "y = f(2); ex.g(3)")]
    placed = cards.with_code(cells, ["srlaw.a.f", "srlaw.b.h in ex.g"], "01-one")
    assert [cell["cell_type"] for cell in placed] == ["code", "code", "markdown", "code", "markdown"]
    assert "check-code} srlaw.a.f" in placed[2]["source"]
    assert "check-code} srlaw.b.h" in placed[4]["source"]
    with pytest.raises(
        InputError, match=re.escape("no cell of 01-one calls k, so book/cards.yml must say where srlaw.c.k belongs")
    ):
        cards.with_code(cells, ["srlaw.c.k"], "01-one")
    with pytest.raises(InputError, match=re.escape("there is no nothing in srlaw/claims.py")):
        cards.definition(*cards.place_of("srlaw.claims.nothing"))
    with pytest.raises(InputError, match=r"wants to show nowhere\.at\.all, and no module has it"):
        cards.place_of("nowhere.at.all")


def test_the_first_cells_are_folded(cards):
    cells = [("x = 1", ["parameters"]), ("import a\ncheck_parameters()", []), ("x = 2", ["hide-input"]), ("y", [])]
    notebook = {"cells": [{"cell_type": "code", "source": s, "metadata": {"tags": t} if t else {}} for s, t in cells]}
    cards.fold_set_up(notebook)
    assert [cell["metadata"].get("tags", []) for cell in notebook["cells"]] == [
        ["parameters", "hide-input"], ["hide-input"], ["hide-input"], [],
    ]  # fmt: skip
    assert notebook["cells"][0]["metadata"]["mystnb"]["code_prompt_show"] == "Show the parameters"


def test_symbols_of_the_ledger_have_their_index(cards):
    assert "".join(str(node) for node in cards.lowered("width d_emb, s_max and p")) == (
        "width <emphasis>d</emphasis><subscript>emb</subscript>, <emphasis>s</emphasis><subscript>max</subscript> and p"
    )


@pytest.mark.parametrize(
    ("stored_as", "shown"),
    [
        ("ml-1m at s_max 50: llama, hr10.", "MovieLens-1M at S_max 50: LLaMA, HR@10."),
        ("data/ml-1m, ml-1m-two-cores.yml, llama.py", "data/ml-1m, ml-1m-two-cores.yml, llama.py"),
        ("1.259e+12", "1.259 × 10¹²"),
        ("misses by 2e-06, or 1e-07.", "misses by 2 × 10⁻⁶, or 10⁻⁷."),
        ("-2.11e-05", "-2.11 × 10⁻⁵"),
        ("(1e-7)", "(10⁻⁷)"),
        ("0.5 and 2e, v1e3, chart-0e5, 1e5x", "0.5 and 2e, v1e3, chart-0e5, 1e5x"),
    ],
)
def test_numbers_and_names_are_written_out(outputs, stored_as, shown):
    assert outputs.readable(stored_as) == shown


@pytest.mark.parametrize("path", NOTEBOOKS, ids=CHAPTERS)
def test_stored_outputs_are_shown_for_readers(outputs, path):
    for mime, text in stored(path):
        if mime == "text/markdown":
            assert not POWER.search(outputs.powers(text))
            continue
        page = outputs.shown(text)
        if "vegaEmbed(" in page:
            assert not re.search(r'"axis": \{[^{}]*"format": "[^"]*e"', page)
            assert not [title for title in re.findall(r'"title": "([^"]*)"', page) if POWER.search(title)]
            continue
        assert not POWER.search(re.sub(r"<[^>]*>", " ", page))
        if 'class="srlaw-table"' in page:
            head, _, body = page.partition("</thead>")
            titles = re.findall(r"<th[^>]*>([^<]*)</th>", head)
            assert not [title for title in titles if re.search(r"[a-z0-9]_[a-z0-9]", title) and title != "S_max"]
            large = body.count("<tr") > 12 or len(titles) > 7
            assert page.startswith("<details") == large


def test_a_large_table_is_folded_with_its_caption_and_names_are_written_out(outputs):
    row = "<tr><td>ml-1m</td><td>2e-06</td></tr>\n"
    frame = (
        '<div class="srlaw-table" tabindex="0"><table><caption>All</caption>\n<thead><tr><th>dataset</th><th>r2</th>'
    )
    small, large = (f"{frame}</tr></thead>\n<tbody>{row * rows}</tbody></table></div>" for rows in (12, 13))
    assert "<details" not in outputs.shown(small)
    assert "<summary>Table of 13 rows and 2 columns: All</summary>" in outputs.shown(large)
    assert "<th>data set</th><th>R²</th>" in outputs.shown(small)
    assert "<td>MovieLens-1M</td><td>2 × 10⁻⁶</td>" in outputs.shown(small)
    assert outputs.shown("<p>ml-1m 2e-06</p>") == "<p>ml-1m 2e-06</p>"
