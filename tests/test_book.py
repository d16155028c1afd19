"""The built pages as a reader sees them: in a browser, without a network, wide and narrow, light and dark."""

import functools
import importlib
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from urllib.parse import quote

import altair as alt
import nbformat
import polars as pl
import pytest
import yaml
from bs4 import BeautifulSoup

import srlaw
from srlaw import charts, claims
from srlaw.errata import errata
from srlaw.rules import RULES

ROOT = Path(__file__).parents[1]
BUILT = os.environ.get("SRLAW_PAGES", "")
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
SLOWEST = 120_000  # ms that a page may take on a busy machine
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]

DRAWN = "() => [...document.querySelectorAll('div[id^=chart-]')].every((node) => node.children.length)"
# Everything that can be wrong inside a page; each value is empty or 0 if nothing is.
REPORT = """async () => {
  if (window.MathJax?.startup) await MathJax.startup.promise;
  const all = (selector) => [...document.querySelectorAll(selector)];
  const channels = (colour) => (colour.match(/[\\d.]+/g) || []).map(Number);
  const visible = (colour) => { const c = channels(colour); return c.length === 3 || c[3] > 0; };
  const luminance = (colour) => {
    const linear = (x) => (x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4);
    const [r, g, b] = channels(colour).map((x) => linear(x / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const background = (node) => {
    for (; node; node = node.parentElement) {
      const colour = getComputedStyle(node).backgroundColor;
      if (visible(colour)) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const contrast = (node, property) => {
    const pair = [getComputedStyle(node)[property], background(node)].map(luminance).sort((a, b) => a - b);
    return (pair[1] + 0.05) / (pair[0] + 0.05);
  };
  const faint = (selector, property) => all(selector)
    .filter((node) => node.textContent.trim() && contrast(node, property) < 4.5)
    .map((node) => node.textContent.trim().slice(0, 60));
  const charts = all("div[id^=chart-]");
  return {
    raw_maths: all(".math").filter((node) => !node.querySelector("mjx-container")).map((node) => node.textContent),
    wrong_maths: all("mjx-merror, [data-mjx-error]").length,
    tab_stops_in_maths: all("mjx-container:not([display])[tabindex], .math a[tabindex]").length,
    maths_that_lost_its_left: all("mjx-container[display=true]").filter((node) => {
      const [own, drawn] = [node, node.querySelector("svg")].map((one) => one.getBoundingClientRect());
      return drawn.left < own.left - 1 || own.left < 0;
    }).map((node) => node.scrollWidth),
    unreachable: all(".srlaw-table, mjx-container[display=true]").filter((node) =>
      (node.scrollWidth > node.clientWidth) !== (node.tabIndex === 0)).map((node) => node.textContent.slice(0, 60)),
    unlabelled: all(".vega-bindings :is(input, select)").filter((node) => !node.labels.length && !node.closest("label")
    ).length,
    without_data: charts.filter((node) => node.parentElement.querySelector("script").textContent.includes('"datasets"')
      && !node.parentElement.querySelector(".chart-data a[download$=csv]")).map((node) => node.id),
    clipped_maths: innerWidth < 1000 ? [] : all("mjx-container[display=true]")
      .filter((node) => node.scrollWidth > node.clientWidth + 1).map((node) => node.scrollWidth),
    undrawn: charts.filter((node) => !node.querySelector("svg g") || node.querySelector(".error")).length,
    cut_words: all(".vega-embed svg").flatMap((svg) => {
      const box = svg.getBoundingClientRect(), words = svg.querySelectorAll(".role-legend text, .role-axis-title text");
      return [...words].filter((node) => {
        const own = node.getBoundingClientRect();
        return own.width && (own.left < box.left - 3 || own.right > box.right + 3);
      }).map((node) => node.textContent);
    }),
    without_description: charts.filter((node) => !(
      (node.getAttribute("role") === "graphics-document" && node.getAttribute("aria-label"))
      || node.querySelector("[role=graphics-document][aria-label]"))).length,
    cut_captions: all(".srlaw-table caption").filter((node) => {
      const [own, box] = [node, node.closest(".srlaw-table")].map((one) => one.getBoundingClientRect());
      return own.right > box.right + 1 || node.scrollWidth > node.clientWidth + 1;
    }).map((node) => node.textContent),
    overflow: Math.max(0, document.documentElement.scrollWidth - innerWidth),
    faint: [
      ...faint(".vega-embed .role-axis text, .vega-embed .role-legend text, .vega-embed .role-title text", "fill"),
      ...faint(".srlaw-badge, .srlaw-verdict p, .srlaw-table td, .srlaw-table th, table.scoreboard p", "color"),
    ],
  };
}"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """The pages by name: of the book that `make views` names, else of one built strictly outside the checkout."""
    html = ROOT / BUILT
    if not BUILT:
        out = tmp_path_factory.mktemp("book")
        build = [Path(sys.executable).with_name("jupyter-book"), "build", "book", "--path-output", out]
        done = subprocess.run([*build, "-W", "--keep-going"], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        html = out / "_build/html"
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    names = [toc["root"], *(chapter["file"] for part in toc["parts"] for chapter in part["chapters"])]
    return {name: html / f"{name}.html" for name in names}


def test_every_chapter_and_every_claim_has_its_place(pages):
    assert all(path.exists() for path in pages.values())
    front = pages["intro"].read_text(encoding="utf-8")
    for row in claims.ledger():
        assert row["place"].split(",")[0] in front
        assert row["chapter"] is None or f'href="notebooks/{row["chapter"]}.html"' in front


# What a chart draws is named by its description; axe would look at every mark of it. Rows of a scoreboard are alike.
AXE = """async () => {
  const left = [".vega-embed svg > g", "mjx-container svg", "table.scoreboard tbody tr:nth-child(n+4)"];
  const where = { exclude: left.map((one) => [one]) };
  const { violations } = await axe.run(where, { resultTypes: ["violations"], preload: false });
  return violations.filter(({ impact }) => ["serious", "critical"].includes(impact))
    .map(({ id, nodes }) => [id, nodes.slice(0, 5).map(({ html }) => html.slice(0, 120))]);
}"""
VIEWS = [(390, "dark"), (1280, "light"), (390, "light"), (1280, "dark")]
# Of these pages axe is asked: together in all four views. Those with two are drawn anew in the second.
ASKED = {"intro": VIEWS[:2], "notebooks/A2-explore": VIEWS[1::-1], "glossary": VIEWS[2:3], "references": VIEWS[3:]}


def views(number, name):
    """Those in which a page is looked at: one of four in turn, and all with `make views`, which takes minutes."""
    if BUILT:
        return VIEWS
    return ASKED.get(name, [VIEWS[number % 4]])


@pytest.fixture(scope="module")
def browser():
    if BROWSER is None:
        pytest.skip("no Chromium or Chrome on PATH")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=BROWSER, args=QUIET)
        yield started
        started.close()


@pytest.fixture
def tab(browser):
    """A page of its own, without a network."""
    context = browser.new_context(color_scheme="light", offline=True)
    page = context.new_page()
    page.set_default_timeout(SLOWEST)
    yield page
    context.close()


def test_pages_in_a_browser_without_a_network(pages, tab):
    """Each page is loaded, and where there are more views of it, grows wide or narrow as day breaks or night falls."""
    from axe_playwright_python.base import AXE_SCRIPT

    assert set(ASKED) <= set(pages)
    troubles = []
    tab.on("console", lambda message: message.type == "error" and troubles.append(message.text))
    tab.on("pageerror", lambda error: troubles.append(str(error)))
    local = ("file:", "data:", "blob:")
    tab.on("request", lambda request: request.url.startswith(local) or troubles.append(request.url))
    reports = {}
    for i, (name, path) in enumerate(pages.items()):
        for j, (width, scheme) in enumerate(views(i, name)):
            tab.set_viewport_size({"width": width, "height": 900})
            tab.emulate_media(color_scheme=scheme)
            if j == 0:
                tab.goto(path.as_uri(), wait_until="load")
            tab.wait_for_function(f"() => document.documentElement.dataset.theme === '{scheme}'")
            tab.wait_for_timeout(200)  # charts take the width of the finished page, or are drawn anew
            tab.wait_for_function(DRAWN)
            found = tab.evaluate(REPORT)
            if name in ASKED:
                tab.evaluate(AXE_SCRIPT)
                found["axe"] = tab.evaluate(AXE)
            reports[name, width, scheme] = {kind: faults for kind, faults in found.items() if faults}
    assert {view[1:] for view in reports} == set(VIEWS)
    assert troubles == []
    assert {name: report for name, report in reports.items() if report} == {}


def test_sliders_and_legends_move_by_keyboard(pages, tab):
    tab.goto(pages["notebooks/A2-explore"].as_uri(), wait_until="load")
    tab.wait_for_function(DRAWN)
    tab.focus(".vega-bindings input[type=range]")
    read = "() => document.activeElement.closest('.vega-embed').textContent.match(/R² [\\d.]+/)[0]"
    before = tab.evaluate(read)
    tab.keyboard.press("ArrowRight")
    tab.wait_for_function(f"(before) => ({read})() !== before", arg=before)
    tab.wait_for_function("() => document.querySelector('[aria-live=polite]')?.textContent.includes('R² ')")
    tab.focus(".vega-embed g[role=button]")
    assert tab.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    for key, pressed in (("Enter", "true"), (" ", "false")):
        tab.keyboard.press(key)
        tab.wait_for_function(f"() => document.activeElement.getAttribute('aria-pressed') === '{pressed}'")
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.getAttribute('aria-label')") == "2"


def test_without_scripts_every_chart_has_a_picture(pages):
    for path in pages.values():
        page = parsed(path.read_text(encoding="utf-8"))
        pictures = page.select("noscript img.chart-still[alt]")
        assert len(pictures) == len(page.select("div[id^=chart-]"))
        assert all((path.parent / picture["src"]).read_text("utf-8").startswith("<svg") for picture in pictures)


def test_without_scripts_every_formula_is_drawn_by_the_browser(pages):
    found = 0
    for path in pages.values():
        for formula in parsed(path.read_text(encoding="utf-8")).select(".math.notranslate"):
            plain = formula.find_next_sibling()
            assert (plain.name, len(plain.select("math"))) == ("noscript", 1)
            assert plain.math["display"] == ("block" if formula.name == "div" else "inline")
            assert not re.search(r"[\\&]|merror", plain.text + str(plain.math.attrs)), formula.text
            found += 1
    assert found > 300


def test_equations_have_addresses_as_in_the_paper(pages):
    law = parsed(pages["notebooks/05-performance-law"].read_text(encoding="utf-8"))
    assert "Eq. (7)" in law.select_one("#eq-7").text
    links = [link for path in pages.values() for link in parsed(path.read_text("utf-8")).select("a[href$='#eq-7']")]
    assert len(links) > 3


LABELS = {
    "reproduced": "reproduced",
    "reproduced-with-correction": "reproduced with a correction",
    "weaker-than-claimed": "weaker than claimed",
    "contradicted": "contradicted",
    "not-reproducible": "not reproducible",
    "open": "open",
}


def test_every_claim_is_labelled_with_its_verdict(pages, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "book/_ext"))
    assert importlib.import_module("scoreboard").LABELS == LABELS  # also of words that no claim has at present
    assert set(LABELS) == set(claims.VERDICTS)
    page, ledger = parsed(pages["intro"].read_text(encoding="utf-8")), claims.ledger()
    rows = page.select("table.scoreboard tbody tr")
    assert [row.strong.text for row in rows] == [claim["place"] for claim in ledger]
    badges = [(badge.text, set(badge["class"])) for row in rows for badge in row.select(".srlaw-badge")]
    assert badges == [(LABELS[claim["verdict"]], {"srlaw-badge", f"srlaw-{claim['verdict']}"}) for claim in ledger]
    counts = Counter(claim["verdict"] for claim in ledger)
    summary = [badge.text for badge in page.select(".scoreboard-summary .srlaw-badge")]
    assert summary == [f"{counts[word]} {label}" for word, label in LABELS.items() if counts[word]]


def test_the_page_on_method_has_every_rule_its_word_and_what_flips_it(pages):
    page = parsed(pages["notebooks/A1-methods"].read_text(encoding="utf-8"))
    rows = [row.select("td") for row in page.select("table.scoreboard tbody tr")]
    judged = [claim for claim in claims.ledger() if claim["chapter"]]
    assert [row[0].text.strip() for row in rows] == [claim["place"] for claim in judged]
    rules = [row[1].text.strip().replace("’", "'") for row in rows]
    assert rules == [RULES[claim["id"]].decides.replace("’", "'") for claim in judged]
    for (_, _, word, flip), claim in zip(rows, judged, strict=True):
        assert word.select_one(".srlaw-badge").text == LABELS[claim["verdict"]]
        assert flip.select_one(".srlaw-badge").text in set(LABELS.values()) - {LABELS[claim["verdict"]]}
        assert "→" in flip.text


def test_the_front_page_has_its_findings_and_leads_to_the_cards(pages):
    page = parsed(pages["intro"].read_text(encoding="utf-8"))
    numbers = [number.text for number in page.select(".finding .finding-number")]
    assert len(numbers) == 5
    assert all(any(letter.isdigit() for letter in number) for number in numbers)
    assert page.select_one("div[id^=chart-]")
    badges = [badge.parent for badge in page.select("table.scoreboard .srlaw-badge")]
    judged = [claim for claim in claims.ledger() if claim["chapter"]]
    wanted = [f"notebooks/{claim['chapter']}.html#{claims.anchor(claim['id'])}" for claim in judged]
    assert [badge["href"] for badge in badges if badge.name == "a"] == wanted
    assert f"Version {srlaw.__version__}, 20" in page.text


def test_every_chapter_opens_with_its_card(pages):
    words = {row["id"]: row["verdict"] for row in claims.ledger()}
    written = yaml.safe_load((ROOT / "book/cards.yml").read_text(encoding="utf-8"))
    for name, path in pages.items():
        page = parsed(path.read_text(encoding="utf-8")).article
        cards = page.select(".chapter-card")
        assert len(cards) == name.startswith("notebooks/"), name
        for card in cards:
            assert card.find_previous_sibling().name == "h1"
            made = written[name.removeprefix("notebooks/")]
            for claim, word in re.findall(r"(\S+): ([\w-]+)", made.get("written_for", ""))[:1]:
                assert words[claim] == word
                assert card.select_one(".card-claim .srlaw-badge").text == LABELS[word]
            assert re.search(r"\d", card.select_one(".card-number").text)
            assert len(card.select(".card-reading li")) == len(made["reading"])
            chart = card.select_one("a.card-chart")
            assert chart.svg
            assert page.select_one(f"div{chart['href']}")
            assert len(page.select("details.check-code")) == len(made["code"])
            assert all(path.parent.joinpath(link["href"]).exists() for link in page.select(".check-code a.download"))


def test_no_page_has_a_number_as_computers_write_it(pages):
    unread = re.compile(r'<(pre|code|script)\b.*?</\1>|<(span|div) class="math .*?</\2>|<[^>]*>', re.DOTALL)
    for name, path in pages.items():
        article = path.read_text(encoding="utf-8").partition("<article")[2].partition("</article>")[0]
        assert len(text := unread.sub(" ", article)) > 200, name
        assert not re.findall(r"(?<![\w#.-])\d[\d.]*e[-+]?\d+(?!\w)", text), name


def test_every_link_between_pages_meets_an_anchor(pages):
    folder = pages["intro"].parent
    anchors = {path: {tag["id"] for tag in parsed(path.read_text("utf-8")).select("[id]")} for path in pages.values()}
    broken = []
    for path in pages.values():
        for link in parsed(path.read_text(encoding="utf-8")).select("article a[href*='#']"):
            target, _, anchor = link["href"].partition("#")
            there = (path.parent / target).resolve() if target else path
            if "://" not in target and there in anchors and anchor and anchor not in anchors[there]:
                broken.append((path.relative_to(folder).as_posix(), link["href"]))
    assert broken == []


def test_each_erratum_has_an_address(pages, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "book/_ext"))
    outputs = importlib.import_module("outputs")
    rows = parsed(pages["errata"].read_text(encoding="utf-8")).select("table.scoreboard tbody tr")
    entries = errata()
    assert [row["id"] for row in rows] == [f"erratum-{entry.id.replace('.', '-')}" for entry in entries]
    for row, entry in zip(rows, entries, strict=True):
        where, printed, should_be, evidence = (cell.text.strip() for cell in row.select("td"))
        assert (where, printed, should_be) == tuple(
            outputs.powers(text).replace("'", "’")
            for text in (entry.place, f"Printed: {entry.printed}", f"Should be: {entry.should_be}")
        )
        assert evidence.endswith("The verdict")


def test_the_first_use_of_a_word_leads_to_the_glossary(pages, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "book/_ext"))
    glossary = importlib.import_module("glossary_links")
    known = glossary.words((ROOT / "book/glossary.md").read_text(encoding="utf-8"))
    assert {"AICc", "ApEn", "panel", "regret", "Fieller", "Good–Turing", "identified", "leave-one-out"} <= set(known)
    used = set()
    for name, path in pages.items():
        if name in glossary.WITHOUT:
            continue
        article = parsed(path.read_text(encoding="utf-8")).article
        links = [link.text for link in article.select("a:has(.glossary-word)")]
        linked = [glossary.named(glossary.pattern(known).fullmatch(text)[1], known) for text in links]
        assert len(linked) == len(set(linked)), name  # once a page
        used |= set(linked)
        assert linked or not name.startswith("notebooks/"), name
    assert set(known.values()) - used == set()  # a word that no page uses needs no entry


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Two panels and a Panel", ["panel", "panel"]),
        ("its ApEn, and apen in code", ["ApEn"]),
        ("Fieller's interval, Fieller’s interval", ["Fieller's interval", "Fieller's interval"]),
        ("a subpanel, pan-el, panel-wise", []),
        ("R² and HR@10, @HR@10", ["R²", "HR@10"]),
    ],
)
def test_words_are_found_as_words(text, found, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "book/_ext"))
    glossary = importlib.import_module("glossary_links")
    source = (
        "```{glossary}\nApEn\n  x\n\npanel\n  y\n\nFieller's interval\nFieller\n  z\n\nR²\n  r\n\nHR@10\n  h\n```\n"
    )
    known = glossary.words(source)
    assert list(known) == ["ApEn", "panel", "Fieller's interval", "Fieller", "R²", "HR@10"]
    matches = [glossary.named(match[1], known) for match in glossary.pattern(known).finditer(text)]
    assert [entry for entry in matches if entry] == found


def test_every_page_says_what_it_is(pages):
    for path in pages.values():
        page = parsed(path.read_text(encoding="utf-8"))
        assert page.html["lang"] == "en"
        assert page.html["data-theme"] == "light"  # the colours of a page without scripts
        said = page.select_one("meta[name=description]")["content"]
        assert 20 < len(said) <= 200
        assert page.select_one("meta[property='og:description']")["content"] == said
        assert page.select_one("meta[property='og:title']")["content"]
    notebook = parsed(pages["notebooks/05-performance-law"].read_text(encoding="utf-8"))
    assert notebook.select_one("a[href$='05-performance-law.ipynb']")
    assert not [*pages["intro"].parent.rglob("*.map")]


def test_the_api_has_the_public_names(pages):
    import srlaw.entropy
    import srlaw.laws

    page = parsed(pages["api"].read_text(encoding="utf-8"))
    names = {tag["id"] for tag in page.select("dt.sig[id]")}
    for module in (srlaw.entropy, srlaw.laws):
        public = {name for name in module.__all__ if callable(getattr(module, name))}
        assert {f"{module.__name__}.{name}" for name in public} <= names
    assert "srlaw.sequences.Sequences.truncate" in names


@pytest.mark.parametrize(
    ("query", "answer"),
    [
        ("is the performance law useful", "intro.html"),
        ("603", "notebooks/08-optimal-size.html"),
        ("ApEn", "glossary.html#term-ApEn"),
    ],
)
def test_the_search_finds_the_page(pages, tab, query, answer):
    tab.goto(f"{(pages['intro'].parent / 'search.html').as_uri()}?q={quote(query)}")
    tab.wait_for_selector("#search-results ul.search li a")
    assert tab.get_attribute("#search-results ul.search li a", "href").startswith(answer)


HOSTILE = """<img src=x onerror=boom()> ![a](b) `c` {doc}`e` ';boom();'\"boom="1\""""


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """A book with two runs whose parameters and outputs are full of markup, and so is the name of one; its pages."""
    folder = tmp_path_factory.mktemp("hostile") / "book"
    folder.mkdir()
    (ROOT / ".cache").mkdir(exist_ok=True)
    (folder.parent / ".cache").symlink_to(ROOT / ".cache")  # what another build has made need not be made again
    for name in ("_config.yml", "_ext", "_static", "references.bib", "runs/index.md"):
        target = folder / name
        target.parent.mkdir(exist_ok=True)
        (shutil.copytree if (ROOT / "book" / name).is_dir() else shutil.copy)(ROOT / "book" / name, target)
    (folder / "index.md").write_text("# Front\n")
    runs = {"file": "runs/index", "sections": [{"glob": "runs/*/*"}]}
    (folder / "_toc.yml").write_text(yaml.safe_dump({"format": "jb-book", "root": "index", "chapters": [runs]}))
    for name in ("mine", HOSTILE):
        (folder / "runs" / name).mkdir()
        nbformat.write(hostile_run(), folder / "runs" / name / "02-datasets.ipynb")
    build = [Path(sys.executable).with_name("jupyter-book"), "build", folder]
    done = subprocess.run([*build, "-W", "--keep-going"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    html = folder / "_build/html"
    return {path.relative_to(html).as_posix(): path.read_text(encoding="utf-8") for path in html.rglob("*.html")}


def hostile_run():
    charts.use()
    frame = pl.DataFrame({"name": [HOSTILE], "value": [1.0]})
    chart = alt.Chart(frame).mark_bar().encode(x="name", y="value").properties(description=HOSTILE)
    bundles = [
        chart._repr_mimebundle_(),
        {"text/html": charts.table(frame, caption=HOSTILE)._repr_html_()},
        {"text/markdown": f"For {charts.literal(HOSTILE)} it is 1."},
    ]
    alt.renderers.enable("default")
    alt.theme.enable("default")
    outputs = [nbformat.v4.new_output("execute_result", data=data, execution_count=1) for data in bundles]
    source = f"dataset = {HOSTILE!r}"
    code = [nbformat.v4.new_code_cell(source, outputs=[output], execution_count=1) for output in outputs]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# Data"), *code])
    notebook.metadata.papermill = {"parameters": {"dataset": HOSTILE}}
    notebook.metadata.language_info = {"name": "python", "pygments_lexer": "ipython3"}
    return notebook


def test_names_and_parameters_of_a_run_are_no_markup(hostile):
    for page in map(parsed, hostile.values()):
        tags = page.find_all()
        assert not [tag for tag in tags if {"onerror", "boom"} & set(tag.attrs) or tag.get("src") in ("x", "b")]
    assert [name for name in hostile if name.startswith("runs/")] == ["runs/index.html", "runs/mine/02-datasets.html"]
    page, runs = (parsed(hostile[f"runs/{name}.html"]).article for name in ("mine/02-datasets", "index"))
    assert page.h1.text.startswith("Data: mine")
    assert not page.select(".chapter-card, .check-code")  # its numbers are those of the paper
    assert f"Your run mine of 02-datasets, with dataset = {HOSTILE!r}." in page.text
    assert "For <img src=x onerror=boom()> ![a](b) `c` {doc}`e`" in page.text
    assert f"mine/02-datasets: dataset = {HOSTILE!r}" in runs.text
    assert f"letters, digits, spaces and . _ + - only: runs/{HOSTILE}/02-datasets.ipynb" in runs.text


@functools.cache
def parsed(page):
    return BeautifulSoup(page, "html.parser")
