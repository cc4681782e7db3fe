"""Options of Apache Beam, checked: a misspelt one is an error, not a note that scrolls by."""

from __future__ import annotations

import contextlib
import difflib
import io
from collections.abc import Sequence
from typing import Any

from deeplab_tf.evaluation.beam.beam_package import import_beam

# A name that is as like as this to one of Beam's is a misspelt one.
_ALIKE = 0.8
_DIRECT_RUNNERS = ("DirectRunner", "SwitchingDirectRunner", "FnApiRunner")
# Workers on this machine share its terminal, where they tell of the progress only: what goes wrong
# is told once, in one line, and not as the traceback of every worker.
_LEVEL = "--default_sdk_harness_log_level"
_QUIET = (f"{_LEVEL}=CRITICAL", '--sdk_harness_log_level_overrides={"deeplab_tf":"INFO"}')


def pipeline_options(words: Sequence[str]) -> Any:
    """Reads options of Beam and of its runners.

    Args:
        words: such as `--runner=FlinkRunner`. Runners on other machines may have options that
            Beam does not know, so these are handed on unless they are nearly one of Beam's.

    Returns:
        `PipelineOptions`.

    Raises:
        ValueError: there is no such option or runner, or an option does not take its value.
        ImportError: Apache Beam is not installed.
    """
    import_beam()
    from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions
    from apache_beam.runners.runner import create_runner

    for word in words:
        if not word.startswith("--"):
            raise ValueError(
                f"Behind -- are options of Apache Beam, written --NAME=VALUE. Received: {word!r}"
            )
    complaints = io.StringIO()
    try:
        with contextlib.redirect_stderr(complaints):
            names = _option_names(PipelineOptions([*words]))
    except SystemExit:  # argparse has shown how it is used
        reason = complaints.getvalue().strip().splitlines()[-1].rpartition("error: ")[2]
        raise ValueError(f"Apache Beam: {reason}") from None
    options = PipelineOptions([*words])
    runner = options.view_as(StandardOptions).runner
    _check_known(words, names, is_direct(options))
    create_runner(runner or _DIRECT_RUNNERS[0])
    if is_direct(options) and not any(word.startswith(_LEVEL) for word in words):
        options = PipelineOptions([*words, *_QUIET])
    return options


def _option_names(options: Any) -> set[str]:
    """Returns the names of all options, after reading the values of those that are given."""
    names: set[str] = set()

    def note(parser: Any) -> None:
        names.update(name for action in parser._actions for name in action.option_strings)

    # Unknown ones are not complained about this way.
    options.get_all_options(add_extra_args_fn=note, retain_unknown_options=True)
    return names


def is_direct(options: Any) -> bool:
    """Returns whether the work is done on this machine, by Beam's own runner."""
    from apache_beam.options.pipeline_options import StandardOptions

    runner = options.view_as(StandardOptions).runner
    return runner is None or runner.rpartition(".")[2] in _DIRECT_RUNNERS


def _check_known(words: Sequence[str], names: set[str], only_beam: bool) -> None:
    for word in words:
        name = word.partition("=")[0]
        if name in names:
            continue
        nearest = difflib.get_close_matches(name, names, n=1, cutoff=_ALIKE)
        if nearest or only_beam:
            hint = f"; did you mean {nearest[0]}?" if nearest else "."
            raise ValueError(f"Apache Beam has no option {name}{hint}")
