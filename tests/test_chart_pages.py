"""What pages add to charts: tooltips, legends to click, fixed colours, pictures for readers without scripts."""

import importlib
import json
from pathlib import Path

import altair as alt
import polars as pl
import pytest

from srlaw import charts

ROOT = Path(__file__).parents[1]


@pytest.fixture
def pages(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "book/_ext"))
    return importlib.import_module("chart_pages")


def lines(names, field="dataset", **settings):
    rows = pl.DataFrame({"x": [1, 2] * len(names), "y": range(2 * len(names)), field: sorted(names * 2)})
    return alt.Chart(rows).mark_line().encode(x="x:Q", y="y:Q", color=alt.Color(f"{field}:N", **settings))


def test_every_mark_has_a_tooltip_and_a_line_has_points_to_meet(pages):
    plain = lines(["a", "b"]).to_dict()
    config = pages.polished(plain)["config"]
    assert all(config[mark]["tooltip"] == {"content": "encoding"} for mark in pages.POINTED)
    assert config["line"]["point"]["opacity"] == 0
    assert "tooltip" not in json.dumps(plain)  # the notebook's own stays as it is


def drawn(spec) -> str:
    import vl_convert

    return vl_convert.vegalite_to_svg(json.dumps(spec))


def test_a_click_on_a_legend_is_bound_and_draws(pages):
    chart = lines(["a", "b"]) + lines(["a", "b"]).mark_point(opacity=0.5)
    spec = pages.polished(chart.to_dict())
    line, point = spec["layer"]
    select = {"type": "point", "fields": ["dataset"], "toggle": "true"}
    assert line["params"] == [{"name": "legend_0", "select": select, "bind": "legend"}]
    assert "params" not in point  # one choice for both
    assert line["encoding"]["strokeOpacity"]["condition"] == {"param": "legend_0", "value": 1}
    assert point["encoding"]["opacity"]["condition"] == {"param": "legend_0", "value": 0.5}
    assert drawn(spec).count("<path") > drawn(chart.to_dict()).count("<path")  # the points to meet, and no error


@pytest.mark.parametrize("settings", [{"legend": None}, {"scale": alt.Scale(range=["red", "blue"])}])
def test_what_a_chart_says_itself_stays(pages, settings):
    spec = pages.polished(lines(["ml-1m", "amazon-books"], **settings).to_dict())
    if "legend" in settings:
        assert "params" not in spec
    else:
        assert spec["encoding"]["color"]["scale"] == {"range": ["red", "blue"]}


def test_a_name_has_one_colour_in_every_chart(pages):
    few, many = pages.colours({"ml-1m"}), pages.colours({"ml-1m", "yelp", "beauty", "huawei-music"})
    assert few["ml-1m"] == many["ml-1m"] == charts.PALETTE[0]
    assert len(set(many.values())) == 4
    assert pages.colours({"llama"}) == {"llama": charts.PALETTE[1]}
    mixed = pages.colours({"HSTU", "an item's share"})  # as a page writes the names
    assert mixed["HSTU"] == charts.PALETTE[0]
    assert len(set(mixed.values())) == 2
    assert pages.colours({"MovieLens-1M"}) == {"MovieLens-1M": charts.PALETTE[0]}
    assert pages.colours({"HR@10", "NDCG@10"}) == pages.colours(set()) == {}
    spec = pages.polished(lines(["sasrec", "hstu"], field="model").to_dict())
    assert spec["encoding"]["color"]["scale"] == {
        "domain": ["hstu", "sasrec"],
        "range": [charts.PALETTE[i] for i in (0, 2)],
    }


@pytest.mark.parametrize("names", [["a", "b"], ["llama", "hstu"]])
def test_what_colour_and_shape_both_tell_has_one_legend_in_full_colours(pages, names):
    chart = lines(names, sort=names).mark_point(opacity=0.3).encode(shape=alt.Shape("dataset:N", sort=names))
    svg = drawn(pages.polished(chart.to_dict()))
    assert [svg.count(f">{name}</text>") for name in names] == [1, 1]
    own = drawn(chart.to_dict())  # Vega-Lite's own has two legends, in faint colours
    assert [own.count(f">{name}</text>") for name in names] == [2, 2]
    assert 'opacity="0.3"' in own[own.index("role-legend-symbol") :]
    legend = svg[svg.index("role-legend-symbol") :]
    assert 'opacity="0.3"' not in legend[: legend.index("</g>")]


def test_a_picture_for_a_card_is_narrow_and_its_words_stay_large(pages):
    stills = importlib.import_module("stills")
    one = lines(["a", "b"]).properties(width=230)
    for chart in (
        one | one,
        one.encode(x=alt.X("x:Q", title="a title that is as long as a line of the text is")),
    ):
        svg = stills.still(json.dumps({**chart.to_dict(), "config": {"legend": {}}}))
        assert stills.WIDTH <= stills.across(svg) <= 1.1 * stills.COMPOSED


def test_a_chart_in_a_page_has_a_picture_with_its_description(pages, tmp_path):
    chart = lines(["a</script>", "b"]).properties(description='Two "lines".')
    body = f"<p>before</p>{charts.page(chart)}<p>after</p>"
    asked = []
    written = pages.rewrite(body, tmp_path, lambda name: asked.append(name) or f"s/{name}")
    assert written.startswith("<p>before</p>")
    assert written.endswith("<p>after</p>")
    assert f'<img class="chart-still" src="s/{asked[0]}" alt="Two &quot;lines&quot;."></div></noscript>' in written
    assert "a</script>" not in written
    picture = (tmp_path / asked[0]).read_text(encoding="utf-8")
    assert picture.startswith("<svg")
    assert charts.PALETTE[0] in picture
    (tmp_path / asked[0]).write_text("kept")  # drawn once
    assert pages.rewrite(body, tmp_path, str) == pages.rewrite(body, tmp_path, str)
    assert (tmp_path / asked[0]).read_text() == "kept"


def test_a_chart_that_cannot_be_read_stops_the_build(pages, tmp_path):
    with pytest.raises(ValueError, match="no specification"):
        pages.rewrite('<div id="chart-0123"></div><script>vegaEmbed(</script>', tmp_path, str)
