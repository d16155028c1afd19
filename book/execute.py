"""Execute the notebooks whose inputs changed, in place: `python book/execute.py`.

A notebook's inputs are its own file, the package, the data and the pinned versions; their digest after the last
execution lies in book/_build/executed, so a fresh clone executes everything. A notebook is executed into
book/_build and takes its place only when it ran to its end: a failure leaves the committed one as it was. So does an
execution that differs only in outputs that nbval is told to ignore, which depend on the processor or the time.
"""

import hashlib
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
from nbstripout import strip_output
from processes import PARENT, ROOT, alone, end_with_parent

STAMPS = ROOT / "book/_build/executed"
PROCESSES = 2
# One thread each: two notebooks run beside each other, and sums in a fixed order give the same digits anywhere.
THREADS = ("OMP", "MKL", "OPENBLAS", "NUMBA")
ENVIRONMENT = {f"{name}_NUM_THREADS": "1" for name in THREADS} | {"POLARS_MAX_THREADS": "1"}
IGNORED = "nbval-ignore-output"  # tag of a cell whose outputs nbval does not compare
# What nbstripout drops beside its defaults: clock times, and the Python version of whoever ran it.
VOLATILE = ["metadata.papermill", "cell.metadata.papermill", "cell.metadata.execution"]
VOLATILE += ["metadata.language_info.version"]


def shared_inputs() -> str:
    """Digest of what every notebook depends on beside its own file."""
    files = [ROOT / "requirements.lock", *ROOT.glob("srlaw/**/*.py"), *ROOT.glob("data/**/*")]
    digest = hashlib.sha256()
    for path in sorted(p for p in files if p.is_file()):
        digest.update(f"{path.relative_to(ROOT).as_posix()}\n".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def stamp(notebook: Path, shared: str) -> str:
    return hashlib.sha256(shared.encode() + notebook.read_bytes()).hexdigest()


def normalise(notebook: Path) -> None:
    """Keep outputs, counts and ids; drop what differs between two runs. Warnings are shown here, not stored."""
    content = nbformat.read(notebook, as_version=4)
    content = strip_output(content, keep_output=True, keep_count=True, keep_id=True, extra_keys=VOLATILE)
    for cell in content.cells:
        if cell.cell_type == "code":
            for output in cell.outputs:
                if output.get("name") == "stderr":
                    print(f"{notebook.stem} wrote to standard error: {output.text.strip()}", file=sys.stderr)
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
    nbformat.write(content, notebook)


def compared(notebook: Path) -> dict:
    """What two executions must agree in: all but the outputs of cells tagged `IGNORED`, if both have some.

    So whoever wants new ones of those clears the old.
    """
    content = nbformat.read(notebook, as_version=4)
    for cell in content.cells:
        if IGNORED in cell.metadata.get("tags", ()):
            cell.outputs = [bool(cell.outputs)]
    return content


def execute(notebook: Path) -> str | None:
    """Run one notebook; the reason if it failed, else None."""
    fresh = STAMPS / notebook.name
    fresh.unlink(missing_ok=True)  # what an earlier failure left
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, str(ROOT / "book/chapter.py"), str(notebook), str(fresh)],
        cwd=ROOT,
        env={**os.environ, **ENVIRONMENT, PARENT: str(os.getpid())},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        kept = f"\nThe notebook with its error is {fresh.relative_to(ROOT)}." if fresh.exists() else ""
        return done.stderr.strip() + kept
    normalise(fresh)
    said = f"{notebook.stem}: executed in {time.perf_counter() - start:.0f} s"
    if fresh.read_bytes() == notebook.read_bytes() or compared(fresh) != compared(notebook):
        os.replace(fresh, notebook)
    else:
        fresh.unlink()
        said += f"; outputs tagged {IGNORED} came out otherwise and stay as they are stored: clear them for new ones"
    print(said, flush=True)
    return None


def changed() -> int:
    """Execute all whose inputs changed; exit status. The caller holds the lock."""
    STAMPS.mkdir(parents=True, exist_ok=True)
    shared = shared_inputs()

    def unchanged(notebook: Path) -> bool:
        seen = STAMPS / f"{notebook.stem}.sha256"
        return seen.exists() and seen.read_text() == stamp(notebook, shared)

    notebooks = sorted(ROOT.glob("notebooks/[0-9A][0-9]*-*.ipynb"))
    todo = [notebook for notebook in notebooks if not unchanged(notebook)]
    print(f"{len(todo)} of {len(notebooks)} notebooks to execute", flush=True)
    with ThreadPoolExecutor(PROCESSES) as pool:
        reasons = dict(zip(todo, pool.map(execute, todo), strict=True))
    for notebook, reason in reasons.items():
        if reason is None:
            (STAMPS / f"{notebook.stem}.sha256").write_text(stamp(notebook, shared))
        else:
            print(f"\n{notebook.relative_to(ROOT)} failed:\n{reason}", file=sys.stderr)
    failed = [str(notebook.relative_to(ROOT)) for notebook, reason in reasons.items() if reason is not None]
    if failed:
        print(f"\nFailed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    end_with_parent()
    with alone():
        sys.exit(changed())
