"""Starts programs: wrong flags are answered before TensorFlow is imported, which takes seconds."""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

# Set in the environment of processes that a program starts by other means than its own.
WORKER = "DEEPLAB_TF_WORKER"
# Notes that TensorFlow's libraries write before anything can set a level for them.
_NOTES = re.compile(
    r"All log messages before absl::InitializeLog|oneDNN custom operations|Could not find cuda"
    r"|Unable to register cu|failed call to cuInit|TensorFlow binary is optimized"
    r"|To enable the following instructions|Could not find TensorRT"
)

# Files of tools/ that parse their flags before they import anything of TensorFlow.
_QUICK = {
    "train", "evaluate", "merge_metrics", "predict", "predict_beam", "tune_crf", "demo", "doctor",
    "convert_dataset", "export", "import_weights", "serve_client",
}  # fmt: skip
# Packages of which a program imports something before that.
_PACKAGES = (
    "deeplab_tf.data", "deeplab_tf.crf", "deeplab_tf.weights", "deeplab_tf.models",
    "deeplab_tf.pretrained", "deeplab_tf.evaluation", "deeplab_tf.tuning", "deeplab_tf.training",
    "deeplab_tf.export", "deeplab_tf",
)  # fmt: skip


def is_program() -> bool:
    """Returns whether this process runs `deeplab`, a file of tools/, or works for one of them."""
    if os.environ.get(WORKER):
        return True
    path = Path(sys.argv[0]) if sys.argv and sys.argv[0] else Path()
    tools = Path(__file__).resolve().parents[1] / "tools"
    return path.stem == "deeplab" or path.resolve().parent == tools


def _is_quick() -> bool:
    """Returns whether this process runs a program that parses its flags first."""
    path = Path(sys.argv[0]) if sys.argv and sys.argv[0] else Path()
    return path.stem == "deeplab" or (is_program() and path.stem in _QUICK)


_waits = _is_quick()


def waits_for_flags() -> bool:
    """Returns whether packages leave out of their `__init__` what imports TensorFlow, as yet."""
    return _waits


def import_rest() -> None:
    """Imports TensorFlow and what packages have left out, once the flags of a program are right."""
    global _waits
    if not _waits:
        return
    _waits = False
    import_tensorflow()
    for name in _PACKAGES:
        if name in sys.modules:
            importlib.reload(sys.modules[name])


def wrong_backend() -> str | None:
    """Says, before Keras is imported, that it would compute in something else than TensorFlow.

    The environment variable KERAS_BACKEND counts, or Keras where it is imported already.

    Returns:
        What is wrong and what to do, or None.
    """
    backend = os.environ.get("KERAS_BACKEND") or "tensorflow"
    if hasattr(sys.modules.get("keras"), "backend"):
        backend = sys.modules["keras"].backend.backend()
    if backend == "tensorflow":
        return None
    return (
        f"KERAS_BACKEND={backend}: deeplab_tf computes in TensorFlow only. Set "
        "KERAS_BACKEND=tensorflow before Keras is imported, or take the variable away."
    )


def import_tensorflow() -> None:
    """Imports TensorFlow and looks for devices; without a GPU its notes are left out.

    Everything else that is written to stderr meanwhile is handed on.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if "tensorflow" in sys.modules or Path("/dev/nvidiactl").exists():
        import tensorflow  # noqa: F401
    else:
        with _without_notes():
            import tensorflow as tf

            tf.config.list_physical_devices()


@contextlib.contextmanager
def _without_notes() -> Iterator[None]:
    """Holds back what is written to the file descriptor of stderr, then writes all but notes."""
    sys.stderr.flush()
    original = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(original, 2)
            os.close(original)
            held.seek(0)
            lines = held.read().decode(errors="replace").splitlines()
            for line in lines:
                if not _NOTES.search(line):
                    print(line, file=sys.stderr)
