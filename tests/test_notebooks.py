"""Both notebooks run from their first cell to their last, in a kernel of this environment.

Their networks are smaller here and train for fewer steps.
"""

import os
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
from tests.backbones import shallow
shallow.opened = shallow.shallow_vgg()  # of the module: what nothing holds any more is closed
shallow.opened.__enter__()
"""


def read(name):
    return nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)


def test_every_notebook_is_run():
    assert {path.stem for path in FOLDER.glob("*.ipynb")} == set(FIGURES)


@pytest.mark.parametrize("name", FIGURES)
def test_no_outputs_are_committed(name):
    for cell in read(name).cells:
        assert cell.get("outputs", []) == [] and cell.get("execution_count") is None


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """Runs one notebook after the other in an empty folder.

    Returns the folder, the text that each printed and its figures. One kernel forgets all names in
    between, so that TensorFlow is started once.
    """
    folder, whole, cells = tmp_path_factory.mktemp("notebooks"), nbformat.v4.new_notebook(), {}
    for name in FIGURES:
        cells[name] = read(name).cells
        for old, new in SMALLER[name].items():
            assert any(old in cell.source for cell in cells[name]), old
            for cell in cells[name]:
                cell.source = cell.source.replace(old, new)
        whole.cells += [nbformat.v4.new_code_cell("%reset -f"), *cells[name]]
    whole.cells.insert(0, nbformat.v4.new_code_cell(SHALLOW))
    client = nbclient.NotebookClient(
        whole, resources={"metadata": {"path": str(folder)}}, timeout=600, kernel_name="python3"
    )
    client.execute(env={**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "2"})
    outputs = {
        name: [out for cell in own for out in cell.get("outputs", [])]
        for name, own in cells.items()
    }
    texts = {
        name: "".join(out["text"] for out in own if out.output_type == "stream")
        for name, own in outputs.items()
    }
    figures = {
        name: sum("image/png" in out.get("data", {}) for out in own)
        for name, own in outputs.items()
    }
    return folder, texts, figures


IGNORED = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning:(zmq|jupyter_client|tornado|nbclient)"
)


@pytest.mark.slow
@IGNORED
def test_quickstart(ran):
    folder, texts, figures = ran
    pattern = r"mIoU ([\d.]+) before and ([\d.]+) after the CRF"
    before, after = re.search(pattern, texts["quickstart"]).groups()
    assert 30 < float(before) < float(after)  # the majority-class baseline is 14
    assert figures["quickstart"] == FIGURES["quickstart"]
    assert (folder / "model.keras").is_file()


@pytest.mark.slow
@IGNORED
def test_fine_tune(ran):
    folder, texts, figures = ran
    pattern = r"trained\.keras: .*fc8/kernel.* start at random, \d+ other tensors"
    assert re.search(pattern, texts["fine_tune"])
    values = [float(v) for v in re.findall(r"val_mean_iou: ([\d.]+)", texts["fine_tune"])]
    assert len(values) == 6 and max(values) > 0.4  # the majority-class baseline is 0.27
    assert figures["fine_tune"] == FIGURES["fine_tune"]
    assert (folder / "best.keras").is_file()
