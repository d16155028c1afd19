"""What a plan leaves in its folder, so that it can go on: the request, what was measured, the seconds spent."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from srlaw.errors import InputError
from srlaw.files import safe_folder, write_atomically
from srlaw.planner.request import Request
from srlaw.sequences import Sequences, data_hash

if TYPE_CHECKING:
    from srlaw.planner.speed import Speed


def wall(folder: Path) -> float:
    """Seconds that the runs of a sweep's folder took."""
    rows = [json.loads(file.read_text(encoding="utf-8")) for file in (folder / "rows").glob("[!.]*.json")]
    return float(sum(row.get("wall_s", 0.0) for row in rows))


def _asked(request: Request, sequences: Sequences) -> dict[str, Any]:
    return json.loads(json.dumps(asdict(request) | {"data": data_hash(sequences)}))


def store(out: Path, request: Request, sequences: Sequences, speed: Speed, left: float) -> None:
    safe_folder(out).mkdir(parents=True, exist_ok=True)
    text = json.dumps({"request": _asked(request, sequences), "left": left} | asdict(speed), indent=1)
    write_atomically(out / "schedule.json", lambda file: file.write_text(text + "\n", encoding="utf-8"))


def stored(out: Path, request: Request, sequences: Sequences) -> dict[str, Any] | None:
    """What an earlier start of the same plan left in its folder.

    Raises:
        InputError: if the folder is of another plan, or holds something else.
    """
    file = safe_folder(out) / "schedule.json"
    if not file.exists():
        if out.exists() and any(out.iterdir()):
            raise InputError(f"{out} holds something other than a plan; name a new folder")
        return None
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        then = found["request"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{file} is not of a plan; name a new folder") from error
    now = _asked(request, sequences)
    if changed := [name for name in now if then.get(name) != now[name]]:
        raise InputError(f"{out} holds a plan with another {', '.join(changed)}; give the same, or name a new folder")
    return found
