"""The `srlaw` command: a thin layer over the package. Results on standard output, everything else on stderr."""

from __future__ import annotations

import io
import os
import shlex
import sys
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup, TyperOption
from typer.exceptions import TyperException
from typer.main import get_group

from srlaw.errors import InputError, one_line
from srlaw.output import json_text, log_words, source, text

app = typer.Typer(
    help="Entropy, scaling laws and model sizes for sequential recommendation.\n\nWith a log of your own begin with "
    "srlaw stats LOG and srlaw plan LOG --dry-run.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


class _NamesModels(TyperCommand):
    """Help that lists the registered models, which takes the time to import torch."""

    def get_help(self, ctx: typer.Context) -> str:
        from srlaw.models import MODELS

        for option in self.params:
            if isinstance(option, TyperOption) and option.name == "model":
                option.help = f"{', '.join(MODELS)}."
        return super().get_help(ctx)


Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
M = Annotated[int, typer.Option("--m", help="Embedding dimension of ApEn.")]
R = Annotated[float, typer.Option("--r", help="Tolerance of ApEn; 0 compares ids for equality.")]
# What every command that reads a log takes; `reading` gathers all but the first two for `srlaw.datasets.load`.
Log = Annotated[str, typer.Argument(help="A registered name, or a log: .csv, .tsv, .inter, .parquet or .txt.")]
Official = Annotated[Path | None, typer.Option("--path", help="Where a registered data set's official files lie.")]
User = Annotated[str | None, typer.Option("--user", help="User column of your own file, if not guessed.")]
Item = Annotated[str | None, typer.Option("--item", help="Item column of your own file, if not guessed.")]
Time = Annotated[str | None, typer.Option("--time", help="Time column, if not guessed; none if the file is in order.")]
Separator = Annotated[str | None, typer.Option("--separator", help="Between the fields of your own file of text.")]
Sort = Annotated[bool, typer.Option("--sort", help="Order each user's events of your own file by time.")]
Repeats = Annotated[str, typer.Option("--duplicates", help="Repeated rows of your own file: error, keep or drop.")]


@app.command(short_help="What is in a log, and what it can tell a model.")
def stats(
    dataset: Log,
    path: Official = None,
    s_max: Annotated[list[int] | None, typer.Option("--s-max", help="Keep the last N events; repeatable.")] = None,
    m: M = 2,
    r: R = 0.0,
    user: User = None,
    item: Item = None,
    time: Time = None,
    separator: Separator = None,
    sort: Sort = False,
    duplicates: Repeats = "error",
    lengths: Annotated[Path | None, typer.Option(help="Also write the histogram of history lengths, CSV.")] = None,
    as_json: Json = False,
) -> None:
    """Users, items, tokens, mean length and entropies of a data set, and what it can tell a model of sequences.

    The last line says what follows for a model. Above it stand the columns of Tables 1 and 2 of the paper, the
    conditional entropy at every order, and yardsticks, which are predictors that only count. Entropies are in nats an
    event: apen is the mean over users of |ApEn|, s_real a Lempel-Ziv estimate. The column entropy_rate is the
    conditional entropy of the largest order with a coverage of 90%, so it jumps where that order changes. shuffle_loss
    is by how much the conditional entropy of order 1 grows once each history is shuffled.
    """
    from srlaw.datasets import input_files, load
    from srlaw.entropy.report import describe, length_histogram
    from srlaw.files import safe_target, write_atomically
    from srlaw.statistics import evidence
    from srlaw.summary import of_evidence

    if lengths:
        safe_target(lengths, input_files(dataset, path))
    sequences = load(dataset, path, **reading(user, item, time, separator, sort, duplicates))
    rows = [(describe(sequences, cut, m, r), evidence(sequences, cut, m)) for cut in s_max or [None]]
    if lengths:
        write_atomically(lengths, length_histogram(sequences).write_csv)
    if as_json:
        _print([known | more for known, more in rows], as_json)
    else:
        for known, more in rows:
            _print(known, as_json)
            print(of_evidence(more), end="\n\n")


def reading(
    user: str | None, item: str | None, time: str | None, separator: str | None, sort: bool, duplicates: str
) -> dict[str, Any]:
    """The options that say how to read a log, as `srlaw.datasets.load` takes them."""
    columns = {"user": user, "item": item, "time": time}
    return {**columns, "separator": separator, "sort": sort, "duplicates": duplicates}


@app.command(short_help="Every entropy of one sequence of integers.")
def entropy(
    file: Annotated[Path, typer.Argument(help="Integers separated by white space, or a 1-D .npy array.")],
    m: M = 2,
    r: R = 0.0,
    as_json: Json = False,
) -> None:
    """All entropy measures of one sequence of integers, in nats per event."""
    from srlaw.entropy.report import describe_sequence
    from srlaw.files import read_integers

    _print(describe_sequence(read_integers(file), m, r), as_json)


@app.command(short_help="Fit a scaling law to a table of runs.")
def fit(
    table: Annotated[Path, typer.Argument(help="A CSV table with one row a trained model.")],
    law: Annotated[str, typer.Option(help="A law's name, such as performance or chinchilla.")],
    y: Annotated[str, typer.Option("--y", help="Column of the response: a metric or a loss.")],
    x: Annotated[list[str] | None, typer.Option("--x", help="ARGUMENT=COLUMN where names differ; repeatable.")] = None,
    by: Annotated[str | None, typer.Option(help="Columns that make groups, separated by commas.")] = None,
    huber: Annotated[float | None, typer.Option(help="Huber loss of log residuals with this delta.")] = None,
    bootstrap: Annotated[int, typer.Option(help="Resamples for 95% intervals; 0 for none.")] = 0,
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap.")] = 0,
    repeats: Annotated[str, typer.Option(help="Runs that differ in the column seed: mean, weights or each.")] = "mean",
    as_json: Json = False,
) -> None:
    """Fit a scaling law to a table of results, one fit a group; runs whose status is not finished are left out."""
    from srlaw.laws.table import fit_table

    columns: dict[str, str] = {}
    for pair in x or []:
        name, equals, column = pair.partition("=")
        if not (name and equals and column):
            raise InputError(f"--x {pair} is not of the form ARGUMENT=COLUMN")
        if name in columns:
            raise InputError(f"--x gives the argument {name!r} twice; give each once")
        columns[name] = column
    groups = [] if by is None else by.split(",")
    _print(fit_table(table, law, y, columns, groups, huber, bootstrap, seed, repeats), as_json)


@app.command(cls=_NamesModels, short_help="Train one model, beside what only counts.")
def train(
    dataset: Log,
    model: Annotated[str, typer.Option(help="A registered model.")],
    n_layers: Annotated[int, typer.Option(help="Blocks.")] = 2,
    d_emb: Annotated[int, typer.Option(help="Width of the item embeddings.")] = 64,
    s_max: Annotated[int, typer.Option(help="Events of a history that the model sees.")] = 200,
    epochs: Annotated[int, typer.Option(help="At most so many passes; the best on validation counts.")] = 20,
    precision: Annotated[str, typer.Option(help="float32 or bfloat16.")] = "float32",
    seed: Annotated[int, typer.Option(help="Of weights, batches, dropout and negatives.")] = 0,
    loss: Annotated[
        str | None,
        typer.Option(help="full or sampled softmax, the latter corrected; by default full up to 100,000 items."),
    ] = None,
    negatives: Annotated[int | None, typer.Option(help="Items that a sampled loss draws for a batch; 256.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Of AdamW, at its highest; 0.004.")] = None,
    batch_events: Annotated[int | None, typer.Option(help="Of a batch; else 1/400 of an epoch, 256 to 6,400.")] = None,
    dropout: Annotated[float | None, typer.Option(help="Probability, at least 0 and below 1; 0.1.")] = None,
    fraction: Annotated[float | None, typer.Option(help="Share of the users who train the model; all test it.")] = None,
    devices: Annotated[int | None, typer.Option(help="GPUs, or processes on a CPU, that share each step; 1.")] = None,
    save: Annotated[Path | None, typer.Option(help="A new folder for the model, for srlaw recommend.")] = None,
    path: Official = None,
    user: User = None,
    item: Item = None,
    time: Time = None,
    separator: Separator = None,
    sort: Sort = False,
    duplicates: Repeats = "error",
    as_json: Json = False,
) -> None:
    """Train one model; HR, NDCG and MRR of the last events, ranked among all items, beside untrained yardsticks."""
    from srlaw.summary import of_training
    from srlaw.sweep import Run, train_once

    how = reading(user, item, time, separator, sort, duplicates)
    given = {"loss": loss, "negatives": negatives, "learning_rate": learning_rate, "batch_events": batch_events}
    given |= {"fraction": fraction, "devices": devices}
    settings = {name: value for name, value in given.items() if value is not None}
    sizes: dict[str, float] = {"s_max": s_max, "n_layers": n_layers, "d_emb": d_emb}
    if dropout is not None:
        sizes["dropout"] = dropout
    run = Run(model, sizes, {"epochs": epochs, "precision": precision, "seed": seed} | settings)
    row = train_once(dataset, run, path, save, **how)
    if not as_json:
        print(of_training(row), end="\n\nAll numbers of the run, by the names that --json has:\n\n")
    _print(row, as_json)
    if save is not None:
        read = source(dataset, None if path is None else str(path), how)
        use = shlex.join(["srlaw", "recommend", str(save), *log_words(read)])
        print(f"srlaw: the model is saved; to use it: {use}", file=sys.stderr)


@app.command(short_help="The best items of each user, by a saved model.")
def recommend(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that srlaw train --save has written.")],
    log: Annotated[str, typer.Argument(help="Histories, as a log; its users may be new.")],
    k: Annotated[int, typer.Option("--k", help="Items of a user.")] = 10,
    users: Annotated[Path | None, typer.Option(help="A text file of user ids, one a line; by default all.")] = None,
    keep_history: Annotated[bool, typer.Option("--keep-history", help="Offer what a user has had, too.")] = False,
    path: Official = None,
    user: User = None,
    item: Item = None,
    time: Time = None,
    separator: Separator = None,
    sort: Sort = False,
    duplicates: Repeats = "error",
    as_json: Json = False,
) -> None:
    """The best items of each user by a saved model: CSV lines of user, rank, item and score, by the log's own ids.

    Events with items that the model does not know are left out, and counted on standard error. A user without a known
    item gets the most popular ones, without a score.
    """
    from srlaw.datasets import load
    from srlaw.files import read_lines
    from srlaw.saved import load as load_model

    saved = load_model(folder)
    wanted = None if users is None else read_lines(users, "a text file of user ids, one a line")
    sequences = load(log, path, **reading(user, item, time, separator, sort, duplicates))
    table, notes = saved.recommend(sequences, k, keep_history, wanted)
    for note in notes:
        print(f"srlaw: {one_line(note)}", file=sys.stderr)
    if as_json:
        _print(table.to_dicts(), as_json)
    else:
        print(table.write_csv(), end="")


@app.command(short_help="Train every size of a specification.")
def sweep(
    spec: Annotated[Path, typer.Argument(help="A YAML file, such as data/sweeps/example.yml.")],
    out: Annotated[str, typer.Option(help="Folder of the results; a sweep started again goes on there.")],
    backend: Annotated[str, typer.Option(help="loky here, or ray or dask for a cluster.")] = "loky",
    jobs: Annotated[int | None, typer.Option(help="Runs at a time.")] = None,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Train failed runs again.")] = False,
    known: Annotated[Path | None, typer.Option(help="A rows.csv of an earlier folder, to go on from.")] = None,
    keep_best: Annotated[
        bool, typer.Option("--keep-best", help="Keep the best model by validation in OUT/best, for srlaw recommend.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Train every configuration of a specification, each once, whatever interrupts it.

    The exit status is 0 if all have finished, 1 if all are done but some have failed, 2 if the sweep could not go on.
    """
    from srlaw.summary import of_sweep
    from srlaw.sweep import run_sweep

    try:
        rows = run_sweep(spec, out, backend, jobs, retry_failed, known, keep_best).to_dicts()
    except KeyboardInterrupt:
        print(f"srlaw: stopped; start again to go on: srlaw {shlex.join(sys.argv[1:])}", file=sys.stderr)
        raise
    print(of_sweep(rows)) if not as_json else _print(rows, as_json)
    if failed := [" ".join(str(row["error"]).split())[:300] for row in rows if row["status"] == "failed"]:
        runs = f"{len(failed)} of {len(rows)} runs failed, the first by {failed[0]}"
        print(f"srlaw: {runs}; once that is mended, --retry-failed trains them again", file=sys.stderr)
        raise typer.Exit(1)


OF_A_LOG = ("minutes", "s_max", "seeds", "jobs", "out", "dry_run", "path", "user", "item", "time", "sort", "duplicates")
"""Options of `plan` that say nothing to a table of runs."""


@app.command(short_help="How deep and how wide, from a log or a table of runs.")
def plan(
    ctx: typer.Context,
    log: Annotated[str, typer.Argument(help="A log or a registered name; or a table of runs, as a sweep's rows.csv.")],
    kind: Annotated[str | None, typer.Option("--as", help="log or rows; by default as the columns say.")] = None,
    minutes: Annotated[float, typer.Option(help="How long the plan of a log may take, all in all.")] = 15.0,
    metric: Annotated[str, typer.Option(help="The metric to choose by; with a log hr10 or ndcg10.")] = "ndcg10",
    models: Annotated[
        str | None,
        typer.Option(help="Models to choose among, separated by commas; with a log hstu unless you name others."),
    ] = None,
    s_max: Annotated[
        list[int] | None,
        typer.Option("--s-max", help="Events of a history that a model sees, repeatable; else by the log's lengths."),
    ] = None,
    max_params: Annotated[float | None, typer.Option(help="Choose among sizes of at most so many parameters.")] = None,
    seeds: Annotated[int, typer.Option(help="How often a repeated size is trained, for the noise; at least 2.")] = 2,
    jobs: Annotated[
        int | None, typer.Option(help="Runs at a time; by default one a core. Give 1 where all runs share one GPU.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the plan of a log, plan-NAME by default.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the log, the yardsticks and the schedule; train nothing.")
    ] = False,
    seed: Annotated[int, typer.Option(help="With a table: seed of the draws behind the intervals.")] = 0,
    path: Official = None,
    user: User = None,
    item: Item = None,
    time: Time = None,
    separator: Separator = None,
    sort: Sort = False,
    duplicates: Repeats = "error",
    as_json: Json = False,
) -> None:
    """How deep, how wide, what to expect, with intervals, or why nothing can be told: from a log or a table of runs.

    A log is checked, its yardsticks and this machine's speed are measured, and a schedule is shown; then sizes are
    trained while the minutes last, compared on the last event but one of each user, and the chosen one is trained once
    more, tested on the last event and kept. Started again with the same options, a plan goes on where it stopped.
    """
    from srlaw import paper
    from srlaw.planner import decide, is_rows
    from srlaw.planner.page import plain
    from srlaw.planner.screen import after, forecasts, kept
    from srlaw.planner.steps import next_steps

    if kind not in (None, "log", "rows"):
        raise InputError(f"--as is {kind!r}; it must be log or rows")
    priors = paper.shapes()
    named = [] if models is None else models.split(",")
    if kind == "rows" or (kind is None and is_rows(log, separator)):
        _refuse_options_of_a_log(ctx, log)
        answer = decide(log, metric, priors, named, max_params, seed=seed)
    else:
        from joblib import cpu_count

        from srlaw.planner.log import plan_log
        from srlaw.planner.request import Request

        request = Request(
            log=log,
            path=None if path is None else str(path),
            reading=reading(user, item, time, separator, sort, duplicates),
            minutes=minutes,
            metric=metric,
            models=tuple(named) or ("hstu",),
            s_max=tuple(s_max or ()),
            max_params=max_params,
            seeds=seeds,
            jobs=cpu_count() if jobs is None else jobs,
        )
        folder = out or Path(f"plan-{Path(log).name.split('.')[0]}")
        show = sys.stderr if as_json else sys.stdout
        try:
            answer = plan_log(
                request, folder, priors, dry_run, lambda said: print(said, end="\n\n", file=show, flush=True)
            )
        except KeyboardInterrupt:
            print(f"srlaw: stopped; start again to go on: srlaw {shlex.join(sys.argv[1:])}", file=sys.stderr)
            raise
        if not as_json:
            print(f"srlaw: {kept(folder, request.source, sys.argv[1:], dry_run)}", file=sys.stderr)
    if as_json:
        _print(plain(answer), as_json)
        return
    if dry_run:
        return
    if answer["recommendation"]:  # the first line of the screen has the reason else
        print(answer["reason"], end="\n\n")
    print(after(answer), end="\n\n")
    if "forecasts" in answer["evidence"] and "before" not in answer:
        print(forecasts(answer), end="\n\n")
    print("what to do next", *next_steps(answer, answer.get("before", {})), sep="\n- ")


def _refuse_options_of_a_log(ctx: typer.Context, table: str) -> None:
    for name in OF_A_LOG:
        source = ctx.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            option = f"--{name.replace('_', '-')}"
            raise InputError(f"{table} is a table of runs, to which {option} says nothing; leave it out, or give a log")


@app.command(short_help="Every claim with its verdict.")
def claims(as_json: Json = False) -> None:
    """Every checkable claim of the publications examined, with the verdict of the last build."""
    from srlaw.claims import ledger, listing

    rows = ledger()
    if as_json:
        _print(rows, as_json)
    else:
        print(listing(rows))


def _print(rows: dict | list[dict], as_json: bool) -> None:
    print(json_text(rows) if as_json else text(rows), end="\n" if as_json else "\n\n")


def _refuse_empty(arguments: list[str]) -> None:
    """An empty name means nothing, and a path made of it would be the working folder."""
    for before, argument in zip(["", *arguments], arguments, strict=False):
        option, equals, value = argument.partition("=")
        if argument == "" or (argument.startswith("--") and equals and not value):
            what = option if equals else before if before.startswith("-") else "an argument"
            raise InputError(f"{what} is empty; give it a value or leave it out")


@cache
def _commands() -> TyperGroup:
    """What typer makes of the functions above, once for all calls in one process."""
    return get_group(app)


def main() -> None:
    """Entry point: a user's mistake ends in one sentence on stderr and status 2, never in a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # of the text for people, what the encoding has no sign for
    try:
        _refuse_empty(sys.argv[1:])
        status = _commands()(standalone_mode=False) or 0
        sys.stdout.flush()
        sys.exit(status)
    except TyperException as error:
        message = error.format_message()
    except (KeyboardInterrupt, typer.Abort):
        sys.exit(130)
    except InputError as error:
        message = str(error)
    except BrokenPipeError:  # as in `srlaw claims | head`; Python would try once more, and complain, at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:  # a full disk, a file that was there a moment ago
        message = f"{error.filename or 'the output'}: {error.strerror or error}"
    except MemoryError as error:
        message = f"there is not enough memory for this ({error}); use fewer or shorter histories, or a smaller model"
    print(f"srlaw: {one_line(message)}", file=sys.stderr)
    sys.exit(2)
