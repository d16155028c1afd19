"""One chapter on other data, as a page under "Your runs": what `make run` calls.

The page appears only if the notebook runs to its end.
"""

import os
import shutil
import sys
from pathlib import Path

from chapter import execute
from processes import ROOT, end_with_parent

from srlaw.notebook import RUN_NAME

USAGE = 'Say which: make run NAME=mine NOTEBOOK=02-datasets ARGS="-p dataset ml-1m"'


def mistake(name: str, chapter: str) -> str | None:
    """One sentence if there can be no such run."""
    if not name or not chapter:
        return USAGE
    if not RUN_NAME.fullmatch(name):
        return f"NAME is {name!r}; it becomes a folder, so use letters, digits, spaces and . _ + - only, 100 at most"
    chapters = sorted(path.stem for path in ROOT.glob("notebooks/[0-9A][0-9]*-*.ipynb"))
    return None if chapter in chapters else f"there is no notebook {chapter!r}; there are {', '.join(chapters)}"


def main(name: str, notebook: str, options: list[str]) -> int:
    chapter = Path(notebook).name.removesuffix(".ipynb")
    wrong = mistake(name, chapter)
    if wrong:
        print(wrong, file=sys.stderr)
        return 2
    unfinished = ROOT / f"book/_build/unfinished/{name}.{os.getpid()}/{chapter}.ipynb"
    unfinished.parent.mkdir(parents=True, exist_ok=True)
    status, message = execute(str(ROOT / f"notebooks/{chapter}.ipynb"), str(unfinished), options)
    if status:
        print(f"{chapter}: {message}", file=sys.stderr)
        if status == 2:
            shutil.rmtree(unfinished.parent)
        elif unfinished.exists():
            print(f"As far as it came it is in {unfinished.relative_to(ROOT)}.", file=sys.stderr)
        return status
    page = ROOT / f"book/runs/{name}/{chapter}.ipynb"
    page.parent.mkdir(parents=True, exist_ok=True)
    unfinished.replace(page)
    unfinished.parent.rmdir()
    print(f"{page.relative_to(ROOT)} is made; `make book` shows it under Your runs.")
    return 0


if __name__ == "__main__":
    end_with_parent()
    sys.exit(main(os.environ.get("NAME", ""), os.environ.get("NOTEBOOK", ""), sys.argv[1:]))
