"""How the pages show what notebooks store: powers of ten, titles of columns, and large tables folded away.

Stored outputs stay as the package made them; this is the one place where pages read otherwise.
"""

import re

from docutils import nodes
from sphinx.transforms import SphinxTransform

from srlaw import paper
from srlaw.errata import TITLES as DATA_SETS

ROWS, COLUMNS, LINES = 12, 7, 12  # a table, or the evidence of a card, with more is folded
CODE = ("api",)  # pages whose names are those of the code
POWER = re.compile(r"(?<![\w.#−-])([-−+]?)(\d+(?:\.\d+)?)e([-+]?)0*(\d+)(?![\w.]*\w)")
SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
KEEP = (nodes.literal, nodes.literal_block, nodes.math, nodes.math_block, nodes.raw, nodes.comment)

# Columns of a data frame whose names are those of the code, as a reader would call them.
TITLES = {
    "apen": "ApEn",
    "apen_pooled": "ApEn, pooled",
    "apen_shuffled": "ApEn, shuffled",
    "as_closed_form": "as the closed form says",
    "at_mean_length": "at the mean length",
    "best_d": "best width",
    "best_n": "best depth",
    "between_least": "between, least",
    "closed_form": "from lengths alone",
    "compression_ratio": "compression (bytes)",
    "conditional": "conditional entropy",
    "conditional_shuffled": "conditional entropy, shuffled",
    "d_emb": "width d",
    "d_high": "width, high",
    "d_low": "width, low",
    "d_prime": "D′",
    "D'": "D′",
    "dataset": "data set",
    "entropy_rate": "entropy rate",
    "entropy_rate_order": "events before it",
    "half_unit": "half a unit of the last digit",
    "hr10": "HR@10",
    "inverse_apen": "1/ApEn",
    "inverse_apen_se": "1/ApEn, standard error",
    "least_gap": "least gap",
    "left_out": "left out",
    "lempel_ziv": "Lempel–Ziv",
    "lempel_ziv_phrases": "Lempel–Ziv, phrases",
    "log_items": "ln(items)",
    "log_pearson": "r of logarithms",
    "log_pearson right": "r of logarithms, tokens put right",
    "log_pearson without repeats": "r of logarithms, without repeats",
    "mean_length": "mean length",
    "mean_length_exact": "mean length, counted",
    "mean_length_printed": "mean length, printed",
    "mean_rank_aicc": "mean rank, AICc",
    "mean_rank_loo": "mean rank, leave-one-out",
    "median_loo_ratio": "leave-one-out error over the best, median",
    "n_high": "depth, high",
    "n_layers": "depth N",
    "n_low": "depth, low",
    "nearest_off": "the nearest, off by",
    "ndcg10": "NDCG@10",
    "p_d": "p of the width",
    "p_n": "p of the depth",
    "pearson": "r",
    "pearson printed": "r, as printed",
    "pearson right": "r, tokens put right",
    "pearson without repeats": "r, without repeats",
    "r2": "R²",
    "r2_times": "R² of that",
    "right_tokens": "with the right tokens",
    "rmse": "RMSE",
    "s_max": "S_max",
    "sampled_share": "share in one sample",
    "share_true": "share that is true",
    "sigma": "σ",
    "spearman right": "rank correlation, tokens put right",
    "standard_error": "standard error",
    "tokens_exact": "tokens, counted",
    "tokens_over_apen": "tokens/ApEn",
    "tokens_printed": "tokens, printed",
    "tokens_se": "tokens, standard error",
    "tokens_swapped": "tokens, exchanged",
    "usable_n": "events needed",
    "users_as_printed": "users, as printed",
    "users_swapped": "users, tokens exchanged",
    "wins_aicc": "first by AICc",
    "wins_loo": "first by leave-one-out",
    "within_least": "within, least",
}
# Names of the code in captions, sentences and charts; in a chart metrics are names of its fields, which stay.
MODELS = {"hstu": "HSTU", "llama": "LLaMA", "sasrec": "SASRec", "gpt": "GPT"}
SETS_AND_MODELS = DATA_SETS | MODELS
NAMES = SETS_AND_MODELS | paper.METRICS | {"s_max": "S_max"}


def powers(text: str) -> str:
    """1.259e+12 as 1.259 × 10¹², 1e-06 as 10⁻⁶; names and code such as 2e in a word stay."""

    def written(match: re.Match) -> str:
        sign, digits, minus, exponent = match.groups()
        power = "10" + (minus.replace("+", "") + exponent).translate(SUPERSCRIPT)
        return sign + (power if digits == "1" else f"{digits} × {power}")

    return POWER.sub(written, text)


def words(names: dict[str, str]) -> re.Pattern:
    """Any of the names as a word of its own, not as a part of a path, an option or a longer name."""
    either = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    return re.compile(rf"(?<![\w/.@-])({either})(?!\w|[./-]\w)")


IN_TEXT, IN_CHART = words(NAMES), words(SETS_AND_MODELS)
WITHIN = re.compile(r"(?<= )(?:hr10|ndcg10)(?=\")|(?<= )s_max(?= \d)")  # within a value, as no name of a field is


def readable(text: str) -> str:
    """A text with powers of ten and names as people write them."""
    return powers(IN_TEXT.sub(lambda name: NAMES[name[0]], text))


def charted(html: str) -> str:
    """A chart with names of data sets and models as people write them, also on its axes."""
    html = IN_CHART.sub(lambda name: NAMES[name[0]], html)
    html = WITHIN.sub(lambda name: NAMES[name[0]], html)

    def written(text: re.Match) -> str:
        return text[1] + powers((TITLES.get(text[2]) or text[2]).replace("s_max", "S_max"))

    return axis_powers(re.sub(r'("(?:title|description)": ")([^"]*)', written, html))


def shown(html: str) -> str:
    """The stored HTML of a table or of a verdict as the pages have it; a chart and anything else as it is."""
    if html.lstrip().startswith('<div class="srlaw-table"'):
        return folded(between_tags(titled(html)))
    if html.lstrip().startswith('<div class="srlaw-verdict"'):
        return evidence_folded(between_tags(html))
    return charted(html) if "vegaEmbed(" in html else html


def between_tags(html: str) -> str:
    return re.sub(r">[^<]+<", lambda text: readable(text[0]), html)


def titled(html: str) -> str:
    """Heads of columns as `TITLES` has them."""
    head, end, body = html.partition("</thead>")
    head = re.sub(r"(?<=>)([^<>]+)(?=</th>)", lambda m: TITLES.get(m[1].strip().replace("&#x27;", "'"), m[1]), head)
    return head + end + body


def folded(html: str) -> str:
    """A table with more than `ROWS` rows or `COLUMNS` columns behind its caption and size."""
    head, _, body = html.partition("</thead>")
    rows, columns = body.count("<tr"), len(re.findall(r"<th[ >]", head))
    if rows <= ROWS and columns <= COLUMNS:
        return html
    caption = re.search(r"<caption>(.*?)</caption>", html, re.DOTALL)
    size = f"Table of {rows} rows and {columns} columns"
    summary = f"{size}: {caption[1]}" if caption else size
    return f'<details class="srlaw-fold"><summary>{summary}</summary>\n{html}\n</details>'


def evidence_folded(html: str) -> str:
    """The evidence of a verdict behind its size, if it is long."""
    table = re.search(r'<table class="srlaw-evidence">.*?</table>', html, re.DOTALL)
    if not table or table[0].count("<tr") <= LINES:
        return html
    summary = f"<summary>The evidence, {table[0].count('<tr')} lines</summary>"
    return html.replace(table[0], f'<details class="srlaw-fold">{summary}{table[0]}</details>')


def axis_powers(html: str) -> str:
    """Labels such as 1e+4 on the axes of a chart as 10⁴: Vega has no format that writes them."""
    return re.sub(r'("axis": \{[^{}]*?)"format": "[^"]*e"', rf'\1"labelExpr": "{LABELS}"', html)


# Expressions of Vega: the power of ten below a value, the value over it, and both written.
_POWER = "floor(log(datum.value) / LN10 + 1e-9)"
_DIGIT = f"abs({_POWER})"
_MANTISSA = f"format(datum.value / pow(10, {_POWER}), '.2~g')"
_SIGNS = "'⁰¹²³⁴⁵⁶⁷⁸⁹'"
_RAISED = f"({_POWER} < 0 ? '⁻' : '') + ({_DIGIT} > 9 ? {_SIGNS}[floor({_DIGIT} / 10)] : '') + {_SIGNS}[{_DIGIT} % 10]"
_KEPT = "datum.value <= 0 || datum.label == ''"  # of the labels of a long axis Vega leaves out all but the powers
LABELS = f"{_KEPT} ? datum.label : ({_MANTISSA} == '1' ? '' : {_MANTISSA} + ' × ') + '10' + {_RAISED}"


class Outputs(SphinxTransform):
    default_priority = 700  # before references and words of the glossary

    def apply(self, **kwargs):
        for raw in self.document.findall(nodes.raw):
            if raw.get("format") == "html":
                text = shown(raw.astext())
                if text != raw.astext():
                    raw.clear()
                    raw += nodes.Text(text)
        write = powers if self.env.docname in CODE else readable
        for text in list(self.document.findall(nodes.Text)):
            if not isinstance(text.parent, KEEP) and write(text) != text:
                text.parent.replace(text, nodes.Text(write(text)))


def setup(app):
    app.add_transform(Outputs)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
