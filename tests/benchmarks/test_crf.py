import numpy as np
import pytest

from benchmarks import crf
from benchmarks.crf_cases import Case
from tests.crf.scenes import scene


@pytest.mark.slow
@pytest.mark.usefixtures("eager")
def test_every_figure_is_there(capsys, monkeypatch):
    large = dict.fromkeys(("seconds", "megabytes"), 1.0)
    monkeypatch.setattr(crf.crf_memory, "measure", lambda: large)
    image, logits = scene(24, 30, 0)
    case = Case("scene", "rough", image, logits, {"spatial_kernel": "lattice", "iterations": 3})
    results = crf.run([case], repeats=1, threads=2)
    (row,) = results["cases"]
    assert row["live_labels"] == 5 and 24 * 30 < row["vertices"] < 6 * 24 * 30
    assert row["total_variation"] < 1e-5 and row["exact_equal_labels"] == 1
    ratios = {f"rough, {mode}": row["pydensecrf"] / row[mode] for mode in ("exact", "fast")}
    assert results["geometric_means"] == pytest.approx(ratios)
    assert list(results["stages"]) == list(crf.STAGES)
    assert "peak memory" in capsys.readouterr().out


def test_all_functions_take_turns():
    calls = []
    runs = {"one": lambda: calls.append(1), "two": lambda: calls.append(2)}
    seconds = crf._in_turn(runs, repeats=3)
    assert calls == [1, 2] * 3 and set(seconds) == {"one", "two"}
    assert all(np.isfinite(value) and value >= 0 for value in seconds.values())
