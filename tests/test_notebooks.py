"""Both notebooks run from their first cell to their last, in a kernel of this environment."""

import re

import nbclient
import nbformat
import pytest

from tests.imports import ROOT

FOLDER = ROOT / "docs/notebooks"
# Notebook -> number of figures that it draws.
FIGURES = {"quickstart": 3, "fine_tune": 2}


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
