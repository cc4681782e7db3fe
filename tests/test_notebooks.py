"""Both notebooks run from their first cell to their last, in a kernel of this environment.

Their networks are smaller here and train for fewer steps.
"""

import re

import nbclient
import nbformat
import pytest

from tests.imports import ROOT

FOLDER = ROOT / "docs/notebooks"
# Notebook -> number of figures that it draws.
FIGURES = {"quickstart": 3, "fine_tune": 2}
# Notebook -> {what a cell has: what it has here}.
SMALLER = {
    "quickstart": {
        "width=0.25": "width=0.125",
        "PolynomialDecay(1e-3, 240,": "PolynomialDecay(3e-3, 120,",
        "steps_per_epoch=60": "steps_per_epoch=30",
        "limit=20": "limit=6",
    },
    "fine_tune": {
        "width=0.25": "width=0.125",
        "    msc_features=True,\n": "",
        "(trained, 1e-3)": "(trained, 3e-3)",
        "(model, 1e-3)": "(model, 3e-3)",
        "examples(160,": "examples(128,",
        "examples(16,": "examples(8,",
    },
}
# What the kernel does before the first cell.
SHALLOW = """
from tests.backbones.shallow import shallow_vgg
patched = shallow_vgg()
patched.__enter__()
"""


def read(name):
    return nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)


def test_every_notebook_is_run():
    assert {path.stem for path in FOLDER.glob("*.ipynb")} == set(FIGURES)


@pytest.mark.parametrize("name", FIGURES)
def test_no_outputs_are_committed(name):
    for cell in read(name).cells:
        assert cell.get("outputs", []) == [] and cell.get("execution_count") is None


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs a notebook in an empty folder; returns the text it printed and its figures."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "2")

    def run(name):
        notebook = read(name)
        for old, new in SMALLER[name].items():
            assert any(old in cell.source for cell in notebook.cells), old
            for cell in notebook.cells:
                cell.source = cell.source.replace(old, new)
        notebook.cells.insert(0, nbformat.v4.new_code_cell(SHALLOW))
        options = {"timeout": 600, "kernel_name": "python3"}
        client = nbclient.NotebookClient(
            notebook, resources={"metadata": {"path": str(tmp_path)}}, **options
        )
        client.execute()
        outputs = [out for cell in notebook.cells for out in cell.get("outputs", [])]
        text = "".join(out["text"] for out in outputs if out.output_type == "stream")
        figures = [out for out in outputs if "image/png" in out.get("data", {})]
        assert len(figures) == FIGURES[name]
        return text, figures

    return run


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning:(zmq|jupyter_client|tornado|nbclient)")
def test_quickstart(run, tmp_path):
    text, _ = run("quickstart")
    before, after = re.search(r"mIoU ([\d.]+) before and ([\d.]+) after the CRF", text).groups()
    assert 30 < float(before) < float(after)  # the majority-class baseline is 14
    assert (tmp_path / "model.keras").is_file()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning:(zmq|jupyter_client|tornado|nbclient)")
def test_fine_tune(run, tmp_path):
    text, _ = run("fine_tune")
    assert re.search(r"trained\.keras: .*fc8/kernel.* start at random, \d+ other tensors", text)
    values = [float(value) for value in re.findall(r"val_mean_iou: ([\d.]+)", text)]
    assert len(values) == 6 and max(values) > 0.4  # the majority-class baseline is 0.27
    assert (tmp_path / "best.keras").is_file()
