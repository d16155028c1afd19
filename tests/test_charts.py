import math

import altair as alt
import polars as pl
import pytest
from bs4 import BeautifulSoup
from markdown_it import MarkdownIt

from srlaw import charts


@pytest.fixture(autouse=True)
def _theme():
    charts.use()
    yield
    alt.renderers.enable("default")
    alt.theme.enable("default")


def bars(values, **properties):
    frame = pl.DataFrame({"kind": ["a", "b"], "value": values})
    return alt.Chart(frame).mark_bar().encode(x="kind", y="value").properties(description="Two bars.", **properties)


def shown(chart):
    return chart._repr_mimebundle_()


def test_equal_charts_give_equal_html_and_say_what_they_show():
    bundle = shown(bars([1.0, 2.0]))
    assert bundle == shown(bars([1.0, 2.0]))
    assert bundle["text/html"] != shown(bars([1.0, 3.0]))["text/html"]
    assert bundle["text/plain"] == "Chart: Two bars."
    assert '"description": "Two bars."' in bundle["text/html"]


def test_the_last_digits_of_a_float_do_not_reach_the_stored_chart():
    assert shown(bars([0.1 + 0.2, 1.0])) == shown(bars([0.3, 1.0]))


def test_a_single_plot_takes_the_width_of_the_page_and_composed_ones_keep_theirs():
    wide, fixed = '"width": "container"', bars([1.0, 2.0], width=120)
    assert wide in shown(bars([1.0, 2.0]))["text/html"]
    assert wide not in shown(fixed)["text/html"]
    assert wide not in shown(fixed | fixed)["text/html"]
    assert wide not in shown(bars([1.0, 2.0]).encode(column="kind"))["text/html"]


def luminance(colour):
    parts = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("page", ["#ffffff", "#121212"])
@pytest.mark.parametrize("colour", charts.PALETTE + charts.ORDINAL)
def test_colours_of_marks_stand_out_on_both_pages(colour, page):
    low, high = sorted((luminance(colour), luminance(page)))
    assert (high + 0.05) / (low + 0.05) >= 3


def test_table_formats_and_escapes():
    frame = pl.DataFrame(
        {
            "name": ["<a&b>", "c"],
            "tokens": [447407, 7],
            "users": [6040, 1],
            "apen": [0.018370499, None],
            "big": [123456.789, 1.5e-7],
            "odd": [math.nan, -math.inf],
            "ok": [True, False],
        }
    )
    assert str(charts.table(frame, caption="Counts")).splitlines() == [
        "Counts",
        "name    tokens  users     apen        big  odd  ok",
        "<a&b>  447,407   6040  0.01837    123,500  NaN  yes",
        "c            7      1        –  1.500e-07   -∞  no",
    ]
    page = charts.table(frame, caption="Counts")._repr_html_()
    assert "<td>&lt;a&amp;b&gt;</td>" in page
    assert '<td class="num">447,407</td>' in page
    assert "<caption>Counts</caption>" in page


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [(0.0, 4, "0"), (-0.0, 4, "0"), (9.9996, 4, "10.00"), (0.5, 3, "0.500"), (1e10, 3, "1.00e+10"), (-12.3, 2, "-12")],
)
def test_significant_digits(value, digits, text):
    assert charts._cell(value, digits, group=False) == text


def test_empty_table():
    assert str(charts.table(pl.DataFrame({"a": []}, schema={"a": pl.Float64}))) == "a"


def test_rounded_keeps_everything_but_the_noise():
    frame = pl.DataFrame({"x": [0.1 + 0.2, math.nan, math.inf, None, 123456789.0], "n": [1, 2, 3, 4, 5]})
    result = charts.rounded(frame, 3)
    assert result["x"].to_list()[0] == 0.3
    assert math.isnan(result["x"][1])
    assert result["x"].to_list()[2:] == [math.inf, None, 123000000.0]
    assert result["n"].to_list() == frame["n"].to_list()


HOSTILE = "</script><img src=x onerror=boom()><!-- ![a](b) `c` $d$ {doc}`e` *f* _g_ [h](i) a~b"


def elements(page):
    return [tag.name for tag in BeautifulSoup(page, "html.parser").find_all()]


def test_a_value_cannot_end_the_script_of_its_chart():
    frame = pl.DataFrame({"kind": [HOSTILE, "b"], "value": [1.0, 2.0]})
    chart = alt.Chart(frame, title=HOSTILE).mark_bar().encode(x="kind", y="value").properties(description=HOSTILE)
    page = shown(chart)["text/html"]
    assert elements(page) == elements(shown(bars([1.0, 2.0]))["text/html"])
    assert page.count(r"\u003c/script>") == 3  # still there, as text
    assert "windowSize()[0] < 600" in page  # a comparison is no markup


def test_a_table_shows_markup_as_text():
    table = charts.table(pl.DataFrame({HOSTILE: [HOSTILE]}), caption=HOSTILE)
    page = table._repr_html_()
    assert set(elements(page)) == {"div", "table", "caption", "thead", "tbody", "tr", "th", "td"}
    assert BeautifulSoup(page, "html.parser").td.text == HOSTILE


def test_literal_text_is_no_markup_of_markdown_or_html():
    page = MarkdownIt("commonmark").render(f"For {charts.literal(HOSTILE)} it is 1.")
    assert elements(page) == ["p"]
    assert BeautifulSoup(page, "html.parser").text.strip() == f"For {HOSTILE} it is 1."
    assert charts.literal("a\n\n# b") == r"a \# b"
    assert charts.literal("ml-1m, 2.5") == "ml-1m, 2.5"


def test_a_logarithmic_axis_of_sizes_has_ticks_at_powers_of_two():
    assert charts.log_axis([4, 8, 12, 24, 32]).to_dict()["values"] == [4, 8, 16, 32]
    assert charts.log_axis([25, 50, 75, 100]).to_dict()["values"] == [32, 64]
    assert charts.log_axis([5, 6, 7]).to_dict()["values"] == [5, 6, 7]  # none, or one, would not tell the scale
    assert charts.log_axis([8, 16, 8.0], title="layers").to_dict() == {
        "format": "~g",
        "title": "layers",
        "values": [8, 16],
    }


@pytest.mark.parametrize("levels", [[4, 8, 12, 16, 24, 32], [8, 16, 32, 64]])
@pytest.mark.parametrize("axis", [charts.log_axis, lambda _: alt.Axis()])
def test_labels_of_a_logarithmic_axis_stand_apart(levels, axis):
    import vl_convert

    x = alt.X("n:Q", scale=alt.Scale(type="log", nice=False), axis=axis(levels))
    chart = alt.Chart(pl.DataFrame({"n": levels, "y": levels})).mark_point().encode(x=x, y=alt.Y("y:Q", axis=None))
    drawn = BeautifulSoup(vl_convert.vegalite_to_svg(chart.properties(width=230, height=50).to_dict()), "html.parser")
    labels = [text for text in drawn.select(".role-axis-label text") if text.get("opacity") != "0"]
    places = [float(text["transform"].split("(")[1].split(",")[0]) for text in labels]
    half = [len(text.text) * 8 / 2 for text in labels]  # pixels of a digit at this size, generous
    assert len(labels) >= 2
    for i in range(1, len(labels)):
        assert places[i] - half[i] > places[i - 1] + half[i - 1], [text.text for text in labels]
