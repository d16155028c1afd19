"""What the scripts of this folder need of the operating system: one build at a time, and none without its parent."""

import contextlib
import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import filelock
import psutil

ROOT = Path(__file__).resolve().parent.parent
PARENT = "SRLAW_PARENT"  # environment variable: the process that this one must not outlive


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Hold the lock on notebooks and pages; waits, and says so, while another build of this checkout has it."""
    folder = ROOT / ".cache"  # not in _build, which `make clean` removes
    folder.mkdir(exist_ok=True)
    lock = filelock.FileLock(folder / "build.lock")
    try:
        lock.acquire(blocking=False)
    except filelock.Timeout:
        print("Another build of this book is running; this one waits for its end.", file=sys.stderr, flush=True)
        lock.acquire()
    with lock:
        lock.release()  # of the two times that it is held now
        yield


def end_with_parent() -> None:
    """If ``SRLAW_PARENT`` names our parent, end with it, however it ends, and take our own children along."""
    parent = int(os.environ.pop(PARENT, 0))
    if not parent:
        return

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        for child in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
