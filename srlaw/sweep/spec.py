"""The YAML specification of a sweep and the runs it expands to."""

from __future__ import annotations

import itertools
import math
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, get_args, get_type_hints

import yaml

from srlaw.errors import InputError, quoted
from srlaw.files import readable_file
from srlaw.models import MODELS, ModelConfig
from srlaw.training import TrainConfig

LISTS = {"s_max": int, "models": str, "n_layers": int, "d_emb": int, "precisions": str, "seeds": int}
REQUIRED = ("dataset", *LISTS, "training")
# How the log is read, as `srlaw.datasets.load` takes it.
READING = {"user": str, "item": str, "time": str, "separator": str, "sort": bool, "duplicates": str}
SIZES = ("n_items", "n_layers", "d_emb", "s_max")
# Lists that a specification may have: the configuration and its field that each varies.
OPTIONAL: dict[str, tuple[str, str]] = {
    "heads": ("architecture", "n_heads"),
    "dropouts": ("architecture", "dropout"),
    "learning_rates": ("training", "learning_rate"),
    "weight_decays": ("training", "weight_decay"),
    "epochs": ("training", "epochs"),
    "fractions": ("training", "fraction"),
}
KINDS = {int: "a whole number", float: "a finite number", bool: "true or false", str: "text", type(None): "null"}
MAX_RUNS = 10_000
MAX_BYTES = 100_000  # of a file: several thousand lines


class Run(NamedTuple):
    """One configuration to train.

    Attributes:
        model: a key of `MODELS`.
        architecture: fields of the model's configuration, all but ``n_items``, which the data set gives.
        training: fields of `TrainConfig`.
    """

    model: str
    architecture: dict[str, Any]
    training: dict[str, Any]

    def configs(self, n_items: int) -> tuple[ModelConfig, TrainConfig]:
        """The complete configuration, defaults filled in.

        Raises:
            InputError: naming the field whose value cannot be.
        """
        return _config_class(self.model)(n_items=n_items, **self.architecture), TrainConfig(**self.training)


def read_spec(path: str | Path) -> dict[str, Any]:
    """The mapping that a YAML file holds; see `expand` for what it must contain.

    Raises:
        InputError: if it is no such file, is larger than `MAX_BYTES`, names a key twice, or has aliases or types
            other than text, numbers, true, false and null; says the line where there is one.
    """
    with readable_file(Path(path), "a YAML file").open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise InputError(f"{path} is larger than {MAX_BYTES:,} bytes, so it is no specification; name a YAML file")
    try:
        spec = yaml.load(content, _Loader)  # a SafeLoader
    except yaml.YAMLError as error:
        what = f" is not YAML text: {str(error).splitlines()[0]}"
        if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
            what = f", line {error.problem_mark.line + 1}: {error.problem}"
        raise InputError(f"{path}{what}") from error
    except InputError as error:
        raise InputError(f"{path}, {error}") from error
    except RecursionError as error:
        raise InputError(f"{path} has lists within lists that go too deep; see data/sweeps/example.yml") from error
    except (ValueError, LookupError) as error:  # of a tag such as !!bool and a value that it cannot have
        raise InputError(f"{path} has a value that is not of its tag: {quoted(str(error))}; leave tags out") from error
    if not isinstance(spec, dict):
        raise InputError(f"{path} must map keys to values: {', '.join(REQUIRED)}")
    return spec


class _Loader(yaml.SafeLoader):
    """Refuses a key that stands twice, of which YAML would silently take the last, and aliases.

    A few lines of aliases of aliases make gigabytes, and a specification has nothing to repeat.
    """

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()
            line = event.start_mark.line + 1
            raise InputError(f"line {line}: *{event.anchor} is an alias; write out what it stands for")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        seen = set()
        for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise InputError(f"line {line}: a list or a mapping is no key here; write a name")
            if key.value in seen:
                raise InputError(f"line {line}: {key.value[:80]} stands twice; remove one")
            seen.add(key.value)
        return super().construct_mapping(node, deep)

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        try:
            value = super().construct_yaml_int(node)
        except ValueError:  # more digits than Python turns into a number
            value = 2**63
        if abs(value) >= 2**63:
            raise InputError(f"line {node.start_mark.line + 1}: {quoted(node.value)} is no number below 2⁶³")
        return value

    def refuse(self, node: yaml.Node) -> None:
        kind = node.tag.rpartition(":")[2]
        raise InputError(f"line {node.start_mark.line + 1}: no value here is of type {kind}; write text or a number")


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)
_Loader.add_constructor("tag:yaml.org,2002:timestamp", _Loader.construct_yaml_str)  # 2020-01-01 may name a folder
for _tag in ("binary", "omap", "pairs", "set"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_tag}", _Loader.refuse)
_Loader.add_constructor(None, _Loader.refuse)  # pyright: ignore[reportArgumentType]  # None: any other tag


def expand(spec: dict[str, Any]) -> list[Run]:
    """Every combination of the lists of a specification, in their order, the last varying fastest; at most `MAX_RUNS`.

    ``dataset`` is a registered name or a file, and ``path``, optional, where a registered data set's official files
    lie; ``user``, ``item``, ``time``, ``separator``, ``sort`` and ``duplicates``, optional, say how a file is read, see
    `srlaw.datasets.load`.

    ``s_max``, ``models``, ``n_layers``, ``d_emb``, ``precisions`` and ``seeds`` are lists; ``models`` may also map
    names to further settings of that model's configuration, such as ``{hstu: {dropout: 0.3}}``. ``training`` maps
    fields of `TrainConfig` to values. The lists of `OPTIONAL` vary one field of a configuration each. Defaults of the
    two configurations hold for what is not given.

    ``grids``, optional, is a list of mappings with these keys, but none that says what is read: each makes a grid of
    its own, for which its keys replace those of the specification (in ``training`` setting by setting). The runs of
    all grids follow one another; one that stands in two of them is trained once.

    Raises:
        InputError: naming the key that is unknown, missing, or has a wrong type or value; for too many runs.
    """
    sources = {"dataset": str, "path": str} | READING
    _known(spec, (*REQUIRED, *OPTIONAL, "path", *READING, "grids"), "the specification")
    if "dataset" not in spec:
        raise InputError(f"dataset is missing; a specification has {', '.join(REQUIRED)}")
    for key, kind in sources.items():
        if key in spec:
            _typed(spec[key], kind, key)
    common = {key: value for key, value in spec.items() if key not in (*sources, "grids")}
    runs: dict[tuple[ModelConfig, TrainConfig], Run] = {}
    for grid in _grids(spec):
        runs |= {run.configs(n_items=2): run for run in _grid(common, grid)}
        _bounded(len(runs), "the grids make")
    return list(runs.values())


def _bounded(runs: int, what: str) -> None:
    if runs > MAX_RUNS:
        raise InputError(f"{what} {runs:,} runs, and a sweep has at most {MAX_RUNS:,}; shorten some of the lists")


def _grids(spec: dict[str, Any]) -> list[dict[str, Any]]:
    grids = spec.get("grids", [{}])
    if not isinstance(grids, list) or not grids or not all(isinstance(grid, dict) for grid in grids):
        raise InputError(
            f"grids is {quoted(grids)}; it must be a list of mappings, such as [{{s_max: [50], d_emb: [8]}}]"
        )
    return grids


def _grid(common: dict[str, Any], grid: dict[str, Any]) -> list[Run]:
    """Every combination of one grid's lists; as configurations, so that a value that cannot be stops the sweep."""
    _known(grid, (*LISTS, *OPTIONAL, "training"), "grids")
    settings = common | grid
    if isinstance(grid.get("training"), dict) and isinstance(common.get("training"), dict):
        settings["training"] = common["training"] | grid["training"]
    missing = [key for key in (*LISTS, "training") if key not in settings]
    if missing:
        raise InputError(f"{missing[0]} is missing; a specification has {', '.join(REQUIRED)}")
    models = _models(settings["models"])
    lists = {key: _list(list(models) if key == "models" else settings[key], kind, key) for key, kind in LISTS.items()}
    hints = {"architecture": get_type_hints(ModelConfig), "training": get_type_hints(TrainConfig)}
    varied = {key: place for key, place in OPTIONAL.items() if key in settings}
    given = {"architecture": set().union(*models.values()), "training": set(_mapping(settings["training"], "training"))}
    for key, (config, field) in varied.items():
        if field in given[config]:
            raise InputError(f"{field} stands both in {key} and among the settings; give it once")
        lists[key] = _list(settings[key], hints[config][field], key)
    training = _settings(settings["training"], TrainConfig, ("precision", "seed"), "training")
    _bounded(math.prod(map(len, lists.values())), "the lists make")
    order = [key for key in lists if key not in ("precisions", "seeds")] + ["precisions", "seeds"]
    runs = []
    for values in itertools.product(*(lists[key] for key in order)):
        at = dict(zip(order, values, strict=True))
        sizes = {key: at[key] for key in ("s_max", "n_layers", "d_emb")}
        rest = {"precision": at["precisions"], "seed": at["seeds"]}
        run = Run(at["models"], sizes | models[at["models"]], training | rest)
        for key, (config, field) in varied.items():
            getattr(run, config)[field] = at[key]
        run.configs(n_items=2)
        runs.append(run)
    return runs


def _config_class(model: str) -> type[ModelConfig]:
    if model not in MODELS:
        raise InputError(f"models: {quoted(model)} is not one of {', '.join(MODELS)}")
    return MODELS[model].config


def _models(models: Any) -> dict[str, dict[str, Any]]:
    """Name → settings of that model."""
    if not isinstance(models, dict):
        models = dict.fromkeys(_list(models, str, "models"))
    return {
        name: _settings(settings or {}, _config_class(name), SIZES, f"models.{name}")
        for name, settings in models.items()
    }


def _list(values: Any, kind: type, key: str) -> list:
    if not isinstance(values, list) or not values:
        example = "…" if not values else quoted(values)
        raise InputError(f"{key} is {quoted(values)}; it must be a list of at least one value, such as [{example}]")
    values = [_typed(value, kind, key) for value in values]
    if len(set(values)) < len(values):
        raise InputError(f"{key} is {quoted(values)}; each value may stand there once")
    return values


def _settings(settings: Any, config: type, taken: tuple[str, ...], where: str) -> dict[str, Any]:
    """Settings as fields of a configuration, without those that lists of the specification give."""
    _mapping(settings, where)
    hints = {name: hint for name, hint in get_type_hints(config).items() if name not in taken}
    _known(settings, hints, where)
    return {name: _typed(value, hints[name], f"{where}.{name}") for name, value in settings.items()}


def _mapping(settings: Any, where: str) -> dict[str, Any]:
    if not isinstance(settings, dict):
        raise InputError(f"{where} is {quoted(settings)}; it must map settings to values, or be {{}}")
    return settings


def _known(mapping: dict, keys: Any, where: str) -> None:
    for key in mapping:
        if key not in keys:
            raise InputError(f"{where} has an unknown key {quoted(key)}; it may have {', '.join(keys)}")


def _typed(value: Any, hint: Any, key: str) -> Any:
    """`value`, if it has the annotated type; a number where a number is due, also as 1e-3, which YAML reads as text."""
    kinds = get_args(hint) or (hint,)
    if float in kinds and isinstance(value, int | str) and not isinstance(value, bool):
        with suppress(ValueError):
            value = float(value)
    if type(value) not in kinds or (isinstance(value, float) and not math.isfinite(value)):
        wanted = " or ".join(KINDS[kind] for kind in kinds)
        raise InputError(f"{key} is {quoted(value)}; it must be {wanted}")
    return value
