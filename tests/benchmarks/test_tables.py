"""Tables of docs/benchmarks.md."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.tables import fill_tables, render

ROOT = Path(__file__).resolve().parents[2]
MACHINE = {
    "processor": "Quick CPU", "cores": 2, "instructions": ["avx2"], "gpus": [], "python": "3.11.7",
    "packages": {"tensorflow": "2.21.0"}, "day": "2026-11-27",
}  # fmt: skip
SPEEDS = {"float32": 2e11, "bfloat16": 4e11}


def row(precision, form, seconds, share=0.5, **others):
    case = {"network": "net", "side": 33, "batch": 1, "precision": precision, "form": form}
    return {**case, "seconds": seconds, "share_of_matrix_product": share, **others}


def cells(table):
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]


def test_training_steps_are_compared_with_the_best_peer_and_with_float32():
    rows = [
        row("float32", "deeplab_tf", 4.0, megabytes=200),
        row("float32", "PyTorch", 6.0, megabytes=100),
        row("float32", "PyTorch, channels_last", 5.0, megabytes=110),
        row("bfloat16", "deeplab_tf", 1.0, megabytes=100),
    ]
    text = render({"suite": "train", "machine": MACHINE, "matrix_product": SPEEDS, "rows": rows})
    assert "2 cores of Quick CPU with avx2; Python 3.11.7, tensorflow 2.21.0; 2026-11-27." in text
    assert "200 GFLOP/s in float32, 400 GFLOP/s in bfloat16" in text
    assert cells(text)[-2:] == [
        ["net", "float32", "4.00", "5.00", "1.25", "1.00", "50 %", "200", "110", "1.00"],
        ["net", "bfloat16", "1.00", "", "", "4.00", "50 %", "100", "", "0.50"],
    ]


def test_forward_passes_name_the_form_that_was_best():
    rows = [
        row("float32", "deeplab_tf", 0.1), row("float32", "deeplab_tf.Predictor", 0.11),
        row("float32", "deeplab_tf, SavedModel", 0.09), row("float32", "Keras' Conv2D", 0.12),
        row("float32", "PyTorch", 0.2), row("float32", "PyTorch, frozen", 0.15),
    ]  # fmt: skip
    text = render({"suite": "forward", "machine": MACHINE, "matrix_product": SPEEDS, "rows": rows})
    wanted = ["net", "33", "1", "float32", "100", "110", "90", "120"]
    assert cells(text)[-1] == [*wanted, "150 (frozen)", "1.50", "50 %"]


def test_a_document_keeps_what_stands_around_its_tables(tmp_path):
    (tmp_path / "other.json").write_text('{"suite": "other"}')
    begin, end = "# Title\n<!-- results: {} -->\n", "<!-- end of results -->\nmore\n"
    with pytest.raises(FileNotFoundError, match=r"missing\.json"):
        fill_tables(begin.format("missing.json") + end, tmp_path)
    with pytest.raises(ValueError, match="No table for the suite 'other'"):
        fill_tables(begin.format("other.json") + "old\n" + end, tmp_path)
    figures = {"suite": "train", "machine": MACHINE, "matrix_product": SPEEDS, "rows": []}
    (tmp_path / "good.json").write_text(json.dumps(figures))
    for document in ("no table\n", begin, begin + begin + end):
        with pytest.raises(ValueError, match="it needs at least one, and all with their end"):
            fill_tables(document.replace("{}", "good.json"), tmp_path)


@pytest.mark.slow
def test_the_tool_finds_its_parts_from_any_folder(tmp_path):
    """As a user calls it: without the checkout on the path."""
    (tmp_path / "own.md").write_text(
        "before\n<!-- results: new/train.json -->\n<!-- end of results -->\n"
    )
    (tmp_path / "new").mkdir()
    figures = {"suite": "train", "machine": MACHINE, "matrix_product": SPEEDS, "rows": []}
    (tmp_path / "new/train.json").write_text(json.dumps(figures))
    command = [
        sys.executable,
        ROOT / "tools/benchmark_tables.py",
        "--results=.",
        "--document=own.md",
    ]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    subprocess.run(command, cwd=tmp_path, env=environment, check=True)
    assert "2 cores of Quick CPU" in (tmp_path / "own.md").read_text()


@pytest.mark.parametrize("name", ["benchmarks", "distributed"])
def test_the_documentation_shows_the_figures_that_are_committed(name):
    document = (ROOT / f"docs/{name}.md").read_text("utf-8")
    assert "<!-- results: " in document
    assert fill_tables(document, ROOT / "benchmarks/results") == document
