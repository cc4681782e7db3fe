"""A pool of worker processes that neither hangs when one dies nor outlives its parent."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool

import tensorflow as tf


@contextlib.contextmanager
def workers(processes: int | None, tasks: int) -> Iterator[Callable]:
    """Yields a `map` over worker processes, or over this process where one is enough.

    Args:
        processes: how many; as many as there are processors if left out.
        tasks: how many things there are to do.

    Yields:
        A function of (function, items) that gives the results in the order of their completion.

    Raises:
        OSError: when a process dies.
        ValueError: when the running script would start itself again in every process.
    """
    count = min(processes or os.cpu_count() or 1, tasks)
    if count < 2:
        yield map
        return
    _require_main_guard()
    # A forked process would inherit TensorFlow's threads, which do not live there.
    pool = ProcessPoolExecutor(count, multiprocessing.get_context("spawn"), _start_worker)
    try:
        yield lambda function, items: (
            future.result() for future in as_completed(pool.submit(function, i) for i in items)
        )
    except BrokenProcessPool:
        raise OSError(
            "A process that was at work died, perhaps for want of memory. Run the same command "
            "again, with fewer --processes; what is finished is kept."
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


def _require_main_guard() -> None:
    """Raises if the script has no part that only it runs: the processes import it once more."""
    script = getattr(sys.modules["__main__"], "__file__", None)
    if script is None or not os.path.isfile(script):
        return
    with open(script, encoding="utf-8", errors="replace") as file:
        if "__main__" not in file.read():
            raise ValueError(
                f"{script}: processes that work beside it import it, and would start it again. Put "
                'what it does below `if __name__ == "__main__":`, or give processes=1.'
            )


def _start_worker() -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
