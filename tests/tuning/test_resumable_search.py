import dataclasses
import json

import pytest

import deeplab_tf
from deeplab_tf.cli import progress_bar
from deeplab_tf.crf import CrfParameters
from deeplab_tf.data.spec import DataError
from deeplab_tf.data.synthetic import SyntheticSplit
from deeplab_tf.tuning.cached_logits import CachedLogits
from deeplab_tf.tuning.resumable_search import search, search_folder
from deeplab_tf.tuning.search import Candidate

pytestmark = pytest.mark.usefixtures("shallow_vgg")

START = CrfParameters(iterations=2)


class KilledError(Exception):
    pass


class Bar:
    """A progress bar that stops the search after some CRF runs."""

    def __init__(self, runs):
        self.left, self.total = runs, None

    def __call__(self, items, total, unit):
        self.total = total
        return self

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def update(self, runs):
        self.left -= runs
        if self.left < 0:
            raise KilledError


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    split = SyntheticSplit("val", examples=3)
    model = deeplab_tf.DeepLab(dataset=split.spec, width=0.05)
    return CachedLogits(model, split, [0, 2], tmp_path_factory.mktemp("logits"), progress_bar)


@pytest.mark.slow
def test_goes_on_after_a_kill_without_computing_again(kept, tmp_path):
    whole = search(kept, START, tmp_path / "whole", progress_bar, 2, budget=8)
    assert len(whole) == 8 and next(iter(whole)) == Candidate(4.0, 67.0, 3.0)
    again = search(kept, START, tmp_path / "whole", Bar(0), 1, budget=8)
    assert list(again.items()) == list(whole.items())
    with pytest.raises(KilledError):
        search(kept, START, tmp_path / "killed", Bar(7), 2, budget=8)
    file = tmp_path / "killed/candidates.json"
    done = json.loads(file.read_text())
    assert 0 < len(done) <= 3
    # A wrong result shows that it is taken as it is.
    file.write_text(json.dumps([[*row[:3], 0.99 - i / 100] for i, row in enumerate(done)]))
    bar = Bar((8 - len(done)) * 2)
    resumed = search(kept, START, tmp_path / "killed", bar, 2, budget=8)
    assert bar.total == (8 - len(done)) * 2
    for i, row in enumerate(done):
        assert resumed[Candidate(*row[:3])] == 0.99 - i / 100
        assert whole[Candidate(*row[:3])] == row[3]
    assert len(resumed) == 8


@pytest.mark.parametrize("content", ["", "[[4, 67,", "[[4, 67]]", "3"])
def test_broken_results_are_named(kept, tmp_path, content):
    (tmp_path / "candidates.json").write_text(content)
    with pytest.raises(DataError, match=r"candidates\.json: broken .*Remove it"):
        search(kept, START, tmp_path, Bar(0), 1, budget=4)


def test_the_folder_depends_on_all_that_results_depend_on(tmp_path):
    model = tmp_path / "model.keras"
    model.write_bytes(b"one")
    split = SyntheticSplit("val", examples=6)
    other = SyntheticSplit("train", examples=6)

    def folder(model_file=model, data_dir="synthetic", part=split, tuning=(0, 3), **changed):
        start = dataclasses.replace(START, **changed)
        return search_folder(tmp_path / "crf.json", model_file, data_dir, part, list(tuning), start)

    second = tmp_path / "second.keras"
    second.write_bytes(b"two")
    copy = tmp_path / "copy.keras"
    copy.write_bytes(b"one")
    assert folder() == folder() == folder(model_file=copy)
    assert folder().parent == tmp_path / "crf.search"
    different = [
        folder(), folder(model_file=second), folder(data_dir="elsewhere"), folder(part=other),
        folder(tuning=(0, 4)), folder(gaussian_weight=2.0),
    ]  # fmt: skip
    assert len(set(different)) == len(different)
