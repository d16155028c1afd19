"""Mentions of the paper's equations lead to where they are quoted."""

import importlib
from pathlib import Path

import pytest
from docutils import nodes
from docutils.utils import new_document

ROOT = Path(__file__).parents[1]


@pytest.fixture
def equations(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "book/_ext"))
    return importlib.import_module("equation_links")


def page(*children):
    document = new_document("page")
    document += children
    return document


def test_tagged_formulas_and_quotations_are_places(equations):
    block = nodes.math_block("", r"x = y \tag{10} \\ z \tag{11}")
    quote = nodes.block_quote("", nodes.paragraph("", "", nodes.strong("", "Eq. (7)."), nodes.Text(" w")))
    plain = nodes.paragraph("", "", nodes.strong("", "Eq. (8)."))
    assert equations.places(page(block, quote, plain)) == [10, 11, 7]
    assert block["ids"] == ["eq-10", "eq-11"]
    assert quote[0][0]["ids"] == ["eq-7"]


def test_the_first_mention_of_a_page_is_a_link(equations):
    home = equations.homes({"b": [7], "a": [7, 12]})
    assert home == {7: "a", 12: "a"}
    first = nodes.paragraph("", "By Eq. (7), Eq. (99) and Eq. (12); Eq. (7) again.")
    title = nodes.title("", "Eq. (12)")
    document = page(nodes.section("", title, first, nodes.paragraph("", "Eq. (7)")))
    equations.link(document, home, "{}.html".format)
    links = list(document.findall(nodes.reference))
    assert [(one.astext(), one["refuri"]) for one in links] == [
        ("Eq. (7)", "a.html#eq-7"),
        ("Eq. (12)", "a.html#eq-12"),
    ]
    assert first.astext() == "By Eq. (7), Eq. (99) and Eq. (12); Eq. (7) again."
