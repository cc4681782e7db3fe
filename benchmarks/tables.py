"""Tables of docs/benchmarks.md, made of the files that `tools/benchmark.py --output` writes."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable
from pathlib import Path

from benchmarks.image_to_labels import FAST, PREDICTOR, STAGES
from benchmarks.precision_cases import KERAS, OURS, PEER
from deeplab_tf.data.json_file import parse_json

_BEGIN, _END = "<!-- results:", "<!-- end of results -->"
# What stands between these two lines of a document is replaced.
_BLOCK = re.compile(r"(<!-- results: (\S+) -->\n).*?(<!-- end of results -->)", re.DOTALL)


def fill_tables(document: str, results: Path) -> str:
    """Returns a document with its tables of figures made anew.

    Args:
        document: Markdown with lines ``<!-- results: MACHINE/SUITE.json -->`` and
            ``<!-- end of results -->``.
        results: folder of the files that it names.

    Raises:
        OSError: a file is missing.
        ValueError: it is broken, or of a suite without a table.
    """

    def filled(block: re.Match) -> str:
        file = results / block[2]
        figures = parse_json(file.read_bytes(), file)
        try:
            table = render(figures)
        except (AttributeError, LookupError, TypeError, ValueError, ZeroDivisionError) as error:
            raise ValueError(
                f"{file}: not figures that tools/benchmark.py wrote "
                f"({type(error).__name__}: {error})."
            ) from error
        return block[1] + table + block[3]

    whole, count = _BLOCK.subn(filled, document)
    begun = len(re.findall(rf"^{_BEGIN} \S+ -->$", document, re.MULTILINE))
    if count == 0 or count != begun:
        raise ValueError(
            f"The document has {begun} lines {_BEGIN} MACHINE/SUITE.json -->, "
            f"{count} of them with {_END} behind; it needs at least one, and all with their end."
        )
    return whole


def render(results: dict) -> str:
    """Returns the lines of Markdown for the figures of one run of a suite."""
    suite = results.get("suite")
    if suite not in SUITES:
        raise ValueError(f"No table for the suite {suite!r}; known are {', '.join(SUITES)}.")
    machine = results["machine"]
    devices = [f"{machine['cores']} cores of {machine['processor']}", *machine["gpus"]]
    packages = [f"{name} {version}" for name, version in machine["packages"].items()]
    lines = [
        f"{', '.join(devices)} with {', '.join(machine['instructions'])}; Python "
        f"{machine['python']}, {', '.join(packages)}; {machine['day']}.",
        "",
        *SUITES[suite](results),
    ]
    return "\n".join(lines) + "\n"


def _table(columns: list[str], rows: Iterable[list]) -> Iterable[str]:
    yield f"| {' | '.join(columns)} |"
    yield "|---" * len(columns) + "|"
    for row in rows:
        yield f"| {' | '.join(map(str, row))} |"


def _speeds(speeds: dict[str, float]) -> str:
    texts = [f"{speed / 1e9:.0f} GFLOP/s in {name}" for name, speed in speeds.items()]
    return f"Products of large matrices in the same run: {', '.join(texts)}."


def _cases(results: dict) -> Iterable[tuple[dict, dict[str, dict]]]:
    """Yields what was run, and its rows by form."""
    keys = ("network", "side", "batch", "precision")
    for _, rows in itertools.groupby(results["rows"], lambda row: [row[key] for key in keys]):
        forms = {row["form"]: row for row in rows}
        yield {key: forms[OURS][key] for key in keys}, forms


def _best_peer(forms: dict[str, dict]) -> dict | None:
    peers = [row for form, row in forms.items() if form.startswith(PEER)]
    return min(peers, key=lambda row: row["seconds"]) if peers else None


def _milliseconds(row: dict | None) -> str:
    return f"{1e3 * row['seconds']:.0f}" if row else ""


def _forward(results: dict) -> Iterable[str]:
    rows = []
    for case, forms in _cases(results):
        peer = _best_peer(forms)
        rows.append(
            [
                case["network"],
                case["side"],
                case["batch"],
                case["precision"],
                _milliseconds(forms[OURS]),
                _milliseconds(forms.get(f"{OURS}.Predictor")),
                _milliseconds(forms.get(f"{OURS}, SavedModel")),
                _milliseconds(forms.get(KERAS)),
                f"{_milliseconds(peer)} ({peer['form'][len(PEER) :].strip(', ') or 'as it is'})"
                if peer
                else "",
                f"{peer['seconds'] / forms[OURS]['seconds']:.2f}" if peer else "",
                f"{100 * forms[OURS]['share_of_matrix_product']:.0f} %",
            ]
        )
    yield _speeds(results["matrix_product"])
    yield ""
    yield from _table(
        ["network", "side", "batch", "precision", "model, ms", "`Predictor`", "SavedModel",
         "Keras' `Conv2D`", "PyTorch's best", "times as fast", "of a matrix product"],
        rows,
    )  # fmt: skip


def _train(results: dict) -> Iterable[str]:
    rows = []
    float32: dict = {}
    for case, forms in _cases(results):
        own, peer = forms[OURS], _best_peer(forms)
        if case["precision"] == "float32":
            float32 = own
        rows.append(
            [
                case["network"],
                case["precision"],
                f"{own['seconds']:.2f}",
                f"{peer['seconds']:.2f}" if peer else "",
                f"{peer['seconds'] / own['seconds']:.2f}" if peer else "",
                f"{float32['seconds'] / own['seconds']:.2f}",
                f"{100 * own['share_of_matrix_product']:.0f} %",
                f"{own['megabytes']:.0f}",
                f"{peer['megabytes']:.0f}" if peer else "",
                f"{own['megabytes'] / float32['megabytes']:.2f}",
            ]
        )
    yield _speeds(results["matrix_product"])
    yield ""
    yield from _table(
        ["network", "precision", "step, s", "PyTorch's best, s", "times as fast",
         "times our float32", "of a matrix product", "MB", "PyTorch's, MB", "of our float32's"],
        rows,
    )  # fmt: skip


def _predict(results: dict) -> Iterable[str]:
    for precision, found in results["precisions"].items():
        routes, totals = found["seconds"], found["totals"]
        rows = [
            [stage, *(f"{1e3 * times[stage]:.0f}" for times in routes.values())] for stage in STAGES
        ]
        rows.append(["whole", *(f"{1e3 * totals[name]:.0f}" for name in routes)])
        for own in (PREDICTOR, PREDICTOR + FAST):
            ratios = [
                "" if name.startswith(OURS) else f"{totals[name] / totals[own]:.2f} times as fast"
                for name in routes
            ]
            rows.append([f"`{PREDICTOR}`{own[len(PREDICTOR) :]}: {1e3 * totals[own]:.0f}", *ratios])
        yield from _table([f"{precision}, ms", *routes], rows)
        yield ""
        floor, speed = found["network_floor"], found["matrix_product_operations_per_second"]
        yield (
            f"The network's {found['operations'] / 1e9:.0f} GFLOP take {floor:.2f} s at the "
            f"{speed / 1e9:.0f} GFLOP/s of a large matrix product in the same run, the network "
            f"{routes[OURS]['network'] / floor:.2f} times as long."
        )
        yield ""


def _winograd(results: dict) -> Iterable[str]:
    forms = list(results["rows"][0]["seconds"])
    yield from _table(
        ["images, side, channels", *(f"{form}, ms" for form in forms), "error"],
        [
            [
                f"{row['images']}, {row['side']}, {row['channels']}",
                *(f"{1e3 * row['seconds'][form]:.1f}" for form in forms),
                f"{row['error']:.0e}",
            ]
            for row in results["rows"]
        ],
    )


def _operations(results: dict) -> Iterable[str]:
    forms = list(results["rows"][0]["seconds"])
    yield from _table(
        ["operation", *(f"{form}, ms" for form in forms)],
        [
            [row["operation"], *(f"{1e3 * row['seconds'][form]:.1f}" for form in forms)]
            for row in results["rows"]
        ],
    )


def _scaling(results: dict) -> Iterable[str]:
    rates = list(results["rows"][0]["shares"])
    yield from _table(
        ["config", "crop", "trained weights, million", "gradient, MB", "GFLOP a crop", *rates],
        [
            [
                f"`{row['config']}`",
                row["side"],
                f"{row['weights'] / 1e6:.1f}",
                f"{4 * row['weights'] / 1e6:.0f}",
                f"{row['operations'] / 1e9:.0f}",
                *(f"{100 * row['shares'][rate]:.0f} %" for rate in rates),
            ]
            for row in results["rows"]
        ],
    )


def _memory(results: dict) -> Iterable[str]:
    count = len(results["rows"][0]["megabytes"])
    images = [(number + 1) * results["images"] // count for number in range(count)]
    yield from _table(
        ["", "graphs for the first image", "for all others", *(f"MB after {n}" for n in images)],
        [
            [row["way"], *row["graphs"], *(f"{megabytes:.0f}" for megabytes in row["megabytes"])]
            for row in results["rows"]
        ],
    )


SUITES: dict[str, Callable[[dict], Iterable[str]]] = {
    "forward": _forward,
    "train": _train,
    "predict": _predict,
    "winograd": _winograd,
    "operations": _operations,
    "scaling": _scaling,
    "memory": _memory,
}
