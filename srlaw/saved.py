"""Models that survive the process that trained them: a folder with weights, settings, the reader's ids and a card.

``weights.safetensors`` holds the weights, ``items.parquet`` the reader's own item ids in the order of the model's codes
with the events of each, ``config.json`` the configuration, the provenance and the SHA-256 of the other two, and
``README.md`` says all that to people. Nothing is pickled, so a folder from elsewhere can run no code.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
import re
import shutil
import stat
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import safetensors
import safetensors.torch
import torch

from srlaw.baselines import NAMES
from srlaw.errors import InputError, one_line, quoted
from srlaw.files import safe_folder, status
from srlaw.models import MODELS, ModelConfig, SequenceModel, build, name_of
from srlaw.recommender import Recommender
from srlaw.summary import size_words

FORMAT = "srlaw model 1"
CONFIG, CARD, ITEMS, WEIGHTS = "config.json", "README.md", "items.parquet", "weights.safetensors"
FILES = (CONFIG, CARD, ITEMS, WEIGHTS)
LARGEST_CONFIG = 1_000_000  # bytes
_DAMAGES = (InputError, KeyError, TypeError, ValueError, pl.exceptions.PolarsError, safetensors.SafetensorError)


def safe_model_folder(folder: Path) -> Path:
    """`folder`, once it is known that a model may be written there: a new name, or an empty folder, or a saved model.

    To be called before the training.

    Raises:
        InputError: if it may not.
    """
    found = status(folder, follow=False)
    if found is None:
        return safe_folder(folder)
    shown, cure = quoted(str(folder), 200), "name a new folder"
    if not stat.S_ISDIR(found.st_mode):
        raise InputError(f"{shown} is not a plain folder, and is not overwritten; {cure}")
    if folder.resolve() == Path.cwd():
        raise InputError(f"{shown} is the working folder, and is not replaced; {cure}")
    safe_folder(folder.absolute().parent)
    try:
        names = set(os.listdir(folder))
    except OSError as error:
        raise InputError(f"{shown} cannot be read: {error.strerror}; {cure}") from error
    if names and (not names <= set(FILES) or CONFIG not in names or _format_of(folder) != FORMAT):
        raise InputError(f"{shown} holds something other than a model of srlaw, and is not overwritten; {cure}")
    return folder


def _format_of(folder: Path) -> object:
    try:
        return _read_config(folder)["format"]
    except InputError:
        return None


def save(recommender: Recommender, folder: str | Path) -> Path:
    """Write a model to `folder`, whole or not at all: under another name beside it, which then takes its place.

    Raises:
        InputError: if the folder holds anything but a saved model, or cannot be written.
    """
    target = safe_model_folder(Path(folder)).absolute()
    temporary, old = (target.with_name(f".{target.name[:50]}.{os.getpid()}.{end}") for end in ("part", "old"))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary.mkdir()
        for name, content in _contents(recommender).items():
            (temporary / name).write_bytes(content)
        if target.exists():
            target.rename(old)
        temporary.rename(target)
    except OSError as error:
        if old.exists() and not target.exists():
            old.rename(target)
        raise InputError(f"{target} cannot be written: {error.strerror or error}; name another folder") from error
    finally:
        for leftover in (temporary, old):
            shutil.rmtree(leftover, ignore_errors=True)
    return target


def _contents(recommender: Recommender) -> dict[str, bytes]:
    """Name → content of each file."""
    items = io.BytesIO()
    ids = pl.Series("item", recommender.catalogue.tolist(), _dtype(recommender.catalogue))
    pl.DataFrame([ids, pl.Series("events", recommender.popularity)]).write_parquet(items)
    state = {name: value.contiguous() for name, value in recommender.model.state_dict().items()}
    contents = {WEIGHTS: safetensors.torch.save(state), ITEMS: items.getvalue()}
    config = {
        "format": FORMAT,
        "model": name_of(recommender.model_config),
        "architecture": asdict(recommender.model_config),
        "sha256": {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()},
        "row": {name: _finite(value) for name, value in recommender.row.items()},
    }
    contents[CONFIG] = (json.dumps(config, indent=1, allow_nan=False) + "\n").encode()
    contents[CARD] = card(recommender).encode()
    return contents


def _dtype(catalogue: np.ndarray) -> type[pl.DataType]:
    return {"i": pl.Int64, "u": pl.UInt64}.get(catalogue.dtype.kind, pl.String)


def _finite(value: object) -> object:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def load(folder: str | Path) -> Recommender:
    """The model that `save` wrote, ready to recommend: ``srlaw.load("my-model").recommend(sequences)``.

    Raises:
        InputError: if the folder is not a saved model, or a file of it is missing, damaged or does not fit the others.
    """
    folder = Path(folder)
    found = status(folder)
    if found is None or not stat.S_ISDIR(found.st_mode):
        raise InputError(f"there is no folder {quoted(str(folder), 200)}; give one that srlaw train --save has written")
    config = _read_config(folder)
    contents = {name: _read(folder, name) for name in (WEIGHTS, ITEMS)}
    try:
        if config["format"] != FORMAT:
            raise InputError(f"it is of the format {quoted(config['format'])}; this srlaw reads {FORMAT!r}")
        for name, content in contents.items():
            if hashlib.sha256(content).hexdigest() != config["sha256"][name]:
                raise InputError(f"{name} is damaged, or of another model")
        model_config = MODELS[config["model"]].config(**config["architecture"])
        model = _built(model_config, safetensors.torch.load(contents[WEIGHTS]))
        items = pl.read_parquet(io.BytesIO(contents[ITEMS])).select("item", "events")
        catalogue, events = _catalogue(items["item"]), items["events"].cast(pl.Int64).to_numpy()
        row = dict(config["row"])
    except _DAMAGES as error:
        raise InputError(f"{quoted(str(folder), 200)} is not a whole model of srlaw: {error}; save it again") from error
    if len(catalogue) != model_config.n_items or len(set(catalogue.tolist())) != len(catalogue):
        raise InputError(f"{quoted(str(folder), 200)}: {ITEMS} must hold {model_config.n_items} items, each once")
    return Recommender(model, model_config, catalogue, events, row)


def row_of(folder: Path) -> dict[str, Any] | None:
    """The row of a saved model, without its weights; None if there is no folder.

    Raises:
        InputError: if it is no saved model.
    """
    if status(folder) is None:
        return None
    row = _read_config(folder).get("row")
    if not isinstance(row, dict):
        raise InputError(f"{folder / CONFIG} has no row; give a folder that srlaw train --save has written")
    return row


def _read_config(folder: Path) -> dict[str, Any]:
    content = _read(folder, CONFIG, LARGEST_CONFIG)
    try:
        config = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{folder / CONFIG} is not JSON; give a folder that srlaw train --save has written") from error
    if not isinstance(config, dict) or "format" not in config:
        raise InputError(f"{folder / CONFIG} is not of a model of srlaw; give one that srlaw train --save has written")
    return config


def _read(folder: Path, name: str, most: int = -1) -> bytes:
    file = folder / name
    found = status(file)
    if found is None or not stat.S_ISREG(found.st_mode):
        raise InputError(f"{quoted(str(folder), 200)} has no file {name}; give one that srlaw train --save has written")
    try:
        with file.open("rb") as opened:
            return opened.read(most)
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror or error}; give another folder") from error


def _built(model_config: ModelConfig, state: dict[str, torch.Tensor]) -> SequenceModel:
    """The model with these weights, which are counted before it is built."""
    shape = tuple(state["items.weight"].shape)
    if shape != (model_config.n_items, model_config.d_emb) or model_config.n_layers > len(state):
        raise InputError(f"{CONFIG} and {WEIGHTS} are not of one model")
    try:
        with torch.random.fork_rng():
            model = build(model_config)
        model.load_state_dict(state)
    except RuntimeError as error:  # names or shapes that differ, or a size that no memory holds
        raise InputError(f"{CONFIG} and {WEIGHTS} are not of one model") from error
    return model.eval()


def _catalogue(ids: pl.Series) -> np.ndarray:
    if ids.dtype in (pl.Int64, pl.UInt64):
        return ids.to_numpy()
    if ids.dtype != pl.String or ids.null_count():
        raise InputError(f"{ITEMS} holds ids that are neither 64-bit integers nor text")
    text = ids.to_list()
    variable = "\0" in "".join(text)  # numpy's fixed-width text drops NUL characters at the end
    return np.array(text, dtype=np.dtypes.StringDType() if variable else np.str_)


def card(recommender: Recommender) -> str:
    """The model card, Markdown: what it is, what it was trained on, what it reaches, how to use it, its limits."""
    row = recommender.row
    name = f"{row['model']}, {size_words(row)}"
    metrics = {"this model": "", **{words: f"baseline_{key}_" for key, words in NAMES.items()}, "gain": "gain_"}
    cells = {words: f"{_cell(row, f'{key}hr10')} | {_cell(row, f'{key}ndcg10')}" for words, key in metrics.items()}
    table = "\n".join(f"| {words} | {values} |" for words, values in cells.items())
    settings = "\n".join(f"| `{key}` | {_plain(value)} |" for key, value in _settings(row).items())
    return f"""# {name}, trained on {_plain(row["dataset"])}

Predicts a user's next item from her last {row["s_max"]} events. It learns nothing of single users: new ones are served
from their histories. Written by srlaw; `config.json` has everything below as data.

## Test

The last event of each of {row["users"]:,} users, ranked among all {row["n_items"]:,} items, the user's own history
included; ± one standard error over users. The gain is over the best of the three predictors without training.

| | HR@10 | NDCG@10 |
|---|---|---|
{table}

## Use

```bash
srlaw recommend THIS-FOLDER log.csv --k 10
```

or, in Python, after `import srlaw.datasets`,
`srlaw.load("THIS-FOLDER").recommend(srlaw.datasets.load("log.csv")).table`. Items are named by the ids of the
log that the model was trained on. Items that came later are unknown to it: their events are left out, and it never
recommends them. A user without a known item gets the most popular ones, without a score. Items that the user has
had are not offered, unless `--keep-history` asks for them. Scores order the items of one user; they are no
probabilities.

## Training

| setting | value |
|---|---|
{settings}
"""


def _settings(row: dict[str, Any]) -> dict[str, Any]:
    """The row without its metrics."""
    metric = re.compile(r"(valid_|least_|baseline_|gain_)?(hr|ndcg)\d+|mrr|loss|users|key|error|status|gain_|baseline_")
    return {name: value for name, value in row.items() if not metric.match(name) and value is not None}


def _cell(row: dict[str, Any], name: str) -> str:
    value, error = row.get(name), row.get(f"{name}_se")
    return "–" if value is None else f"{value:.4f}" + ("" if error is None else f" ± {error:.4f}")


def _plain(value: object) -> str:
    """A value, whatever a file name put into it, as text that Markdown takes literally."""
    text = f"{value:.6g}" if isinstance(value, float) else one_line(str(value))
    return re.sub(r"([\\`*_{}\[\]<>()#+!|~&$])", r"\\\1", text)
