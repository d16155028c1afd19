"""Make .venv from requirements.lock: what the Makefile calls. It runs before anything is installed."""

import fcntl
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
READY = ROOT / ".venv/ready"
RUNS = ROOT / "data/sweeps/loss-scaling.csv"
INPUTS = [ROOT / "requirements.lock", ROOT / "pyproject.toml"]


def ready() -> bool:
    return READY.exists() and all(READY.stat().st_mtime >= path.stat().st_mtime for path in INPUTS)


def main() -> int:
    if sys.version_info < (3, 11):  # noqa: UP036 (any version may run this file)
        print(f"srlaw needs Python 3.11 or newer, but this is {sys.version.split()[0]}. Try: make PYTHON=python3.11")
        return 2
    (ROOT / ".cache").mkdir(exist_ok=True)
    with (ROOT / ".cache/install.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another make may be installing at this moment
        if ready():
            return 0
        pip = [ROOT / ".venv/bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        for command in (
            [sys.executable, "-m", "venv", ROOT / ".venv"],
            [*pip, "-r", ROOT / "requirements.lock"],
            [*pip, "--no-deps", "-e", ROOT],
        ):
            status = subprocess.run(command).returncode
            if status:
                return status
        # What numba compiles once for a checkout, before several chapters or tests would do so at the same time.
        for words in (["stats", "synthetic"], ["fit", RUNS, "--law", "performance", "--y", "hr10"]):
            status = subprocess.run([ROOT / ".venv/bin/srlaw", *words], stdout=subprocess.DEVNULL).returncode
            if status:
                return status
        READY.touch()
    return 0


if __name__ == "__main__":
    sys.exit(main())
