import gc
import shutil
import subprocess

import keras
import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf import compat
from deeplab_tf.models.checkpoint_files import restore_variables
from deeplab_tf.training.checkpoints import Checkpoints
from tests.training.small_files import small_files


class Run:
    """A model, a momentum optimizer and what saves both."""

    def __init__(self, folder, keep=2, units=2):
        model = keras.Sequential([keras.layers.Dense(units)])
        model.build((None, 3))
        self.optimizer = keras.optimizers.SGD(0.1, momentum=0.9)
        self.variables = [compat.tf_variable(v) for v in model.trainable_variables]
        compat.create_slots(self.optimizer, self.variables)
        self.named = {str(i): variable for i, variable in enumerate(self.variables)}
        self.logged = []
        self.checkpoints = Checkpoints(folder, self.named, self.optimizer, keep, self.logged.append)

    def move(self):
        self.optimizer.apply_gradients([(tf.ones_like(v), v) for v in self.variables])
        return self

    def save(self, *steps):
        """Saves at each of the steps, with a movement before, and returns the values of each."""
        kept = []
        for step in steps:
            self.move().checkpoints.save(step)
            kept.append(self.values())
        return kept

    def values(self):
        return [variable.numpy() for variable in self.variables]


def assert_equal(found, wanted):
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(one, other)


def steps_in(folder):
    return {int(path.stem.split("-")[1]) for path in folder.glob("*.index")}


# === Saving and restoring ===


def test_empty_folder_starts_at_step_zero(tmp_path):
    for folder in (tmp_path, tmp_path / "missing"):
        assert Run(folder).checkpoints.restore() == 0
    assert not (tmp_path / "missing").exists()


@pytest.mark.parametrize("name", ["plain", "lr[0.01]", "all*", "is it?", "{a,b}"])
def test_newest_checkpoint_is_restored_with_the_momentum(tmp_path, name):
    run = Run(tmp_path / name)
    run.save(1, 2, 3)
    again = Run(tmp_path / name)
    assert again.checkpoints.restore() == 3 and not again.logged
    assert_equal(again.values(), run.values())
    # Momentum and the count of steps are back if the next step is the same too.
    assert_equal(again.move().values(), run.move().values())


@pytest.mark.parametrize("name", ["plain", "lr[0.01]"])
@pytest.mark.parametrize("keep", [1, 2])
def test_only_the_newest_are_kept(tmp_path, keep, name):
    Run(tmp_path / name, keep).save(5, 10)
    again = Run(tmp_path / name, keep)
    again.checkpoints.restore()
    again.save(100)
    assert steps_in(tmp_path / name) == set([5, 10, 100][-keep:])
    assert len(list((tmp_path / name).iterdir())) == 3 * keep + 1


def test_nothing_can_be_kept_of_no_checkpoints(tmp_path):
    with pytest.raises(ValueError, match=r"keep_checkpoints must be at least 1\. Received: 0"):
        Run(tmp_path, keep=0)


def test_other_programs_find_the_newest_checkpoint(tmp_path):
    Run(tmp_path).save(9, 10)
    assert tf.train.latest_checkpoint(str(tmp_path)) == str(tmp_path / "ckpt-10")


def test_a_checkpoint_of_tensorflows_manager_is_restored(tmp_path):
    run = Run(tmp_path)
    run.move().checkpoints.step.assign(7)
    everything = tf.train.Checkpoint(
        variables=run.named, optimizer=run.optimizer, step=run.checkpoints.step
    )
    manager = tf.train.CheckpointManager(everything, str(tmp_path), 2)
    manager.save(checkpoint_number=7)
    again = Run(tmp_path)
    assert again.checkpoints.restore() == 7
    assert_equal(again.move().values(), run.move().values())


def test_a_checkpoint_of_another_model_is_another_error(tmp_path):
    Run(tmp_path).save(1, 2)
    with pytest.raises(ValueError, match="ckpt-2: not a checkpoint of this model"):
        Run(tmp_path, units=5).checkpoints.restore()


def test_what_a_restart_does_not_ask_for_is_no_warning(tmp_path, caplog):
    run = Run(tmp_path)
    run.checkpoints.add({"losses": tf.Variable([1.0])})
    run.save(3)
    again = Run(tmp_path)
    again.checkpoints.restore()
    again.checkpoints.restore(before=3)
    del again
    gc.collect()
    assert not caplog.records


# === Manifests ===


def test_the_manifest_is_one_for_sha256sum(tmp_path):
    Run(tmp_path).save(1)
    done = subprocess.run(
        ["sha256sum", "--check", "ckpt-1.sha256"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.stdout.splitlines() == [
        "ckpt-1.data-00000-of-00001: OK", "ckpt-1.index: OK"
    ]  # fmt: skip


def test_the_files_of_another_checkpoint_do_not_pass(tmp_path):
    run = Run(tmp_path)
    (first, _) = run.save(1, 2)
    for ending in ("index", "data-00000-of-00001"):  # whole, and not those of step 2
        shutil.copy(tmp_path / f"ckpt-1.{ending}", tmp_path / f"ckpt-2.{ending}")
    again = Run(tmp_path)
    assert again.checkpoints.restore() == 1
    assert_equal(again.values(), first)
    assert again.logged == [
        f"skipped {tmp_path}/ckpt-2, which is broken: ckpt-2.data-00000-of-00001 is not the file "
        "whose SHA-256 was written beside it"
    ]


@pytest.mark.parametrize(
    "text", [None, "", "\xff", f"{'0' * 64}  ckpt-1.index\n", f"{'0' * 64}  ../ckpt-2.index\n"]
)
def test_without_a_whole_manifest_the_tensors_are_read(tmp_path, text):
    (before, values) = Run(tmp_path).save(1, 2)
    manifest = tmp_path / "ckpt-2.sha256"
    manifest.unlink() if text is None else manifest.write_text(text, encoding="latin-1")
    again = Run(tmp_path)
    assert again.checkpoints.restore() == 2
    assert_equal(again.values(), values)
    change(tmp_path / "ckpt-2.data-00000-of-00001", lambda data: flip(data, -1))
    again = Run(tmp_path)
    assert again.checkpoints.restore() == 1
    assert_equal(again.values(), before)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    Run(tmp_path).save(1, 2)
    data = tmp_path / "ckpt-2.data-00000-of-00001"
    data.unlink()
    data.mkdir()
    again = Run(tmp_path)
    assert again.checkpoints.restore() == 1
    assert f"broken: {data.name}: Is a directory" in again.logged[0]


# === Phases ===


def test_of_the_phase_before_the_optimizer_is_left(tmp_path):
    run = Run(tmp_path)
    run.save(3)
    again = Run(tmp_path)
    assert again.checkpoints.restore(before=3) == 3
    assert_equal(again.values(), run.values())
    assert int(again.optimizer.iterations) == 0
    later = Run(tmp_path)
    assert later.checkpoints.restore(before=2) == 3 and int(later.optimizer.iterations) == 1


# === Broken checkpoints ===


def change(file, function):
    file.write_bytes(bytes(function(bytearray(file.read_bytes()))))


def flip(data, place):
    data[place] ^= 1
    return data


def breaking(ending, function=None):
    """A function that changes the file of step 3 with that ending, or deletes it."""

    def act(folder):
        (file,) = folder.glob(f"ckpt-3.{ending}*")
        change(file, function) if function else file.unlink()

    return act


NEWEST = {
    "data halved": breaking("data", lambda data: data[: len(data) // 2]),
    "data emptied": breaking("data", lambda data: b""),
    "data zeroed": breaking("data", lambda data: bytes(len(data))),
    "first bit of data flipped": breaking("data", lambda data: flip(data, 0)),
    "last bit of data flipped": breaking("data", lambda data: flip(data, -1)),
    "data deleted": breaking("data"),
    "index halved": breaking("index", lambda data: data[: len(data) // 2]),
    "index emptied": breaking("index", lambda data: b""),
    "index zeroed": breaking("index", lambda data: bytes(len(data))),
    "bit of index flipped": breaking("index", lambda data: flip(data, len(data) // 3)),
    "index deleted": breaking("index"),
}


@pytest.mark.slow
@pytest.mark.parametrize("way", NEWEST)
def test_the_one_before_a_broken_checkpoint_is_restored(tmp_path, way):
    run = Run(tmp_path)
    run.save(1, 2)
    beside = Run(tmp_path)
    beside.checkpoints.restore()
    run.save(3)
    NEWEST[way](tmp_path)
    again = Run(tmp_path)
    assert again.checkpoints.restore() == 2
    (line,) = again.logged
    assert line.startswith(f"skipped {tmp_path}/ckpt-3, which is broken: ") and "\n" not in line
    beside_values = beside.values()
    assert_equal(again.values(), beside_values)
    assert_equal(again.move().values(), beside.move().values())
    # For use, and not training, the same one counts.
    other = Run(tmp_path)
    with pytest.warns(UserWarning, match="skipped .*ckpt-3, which is broken"):
        restore_variables(tmp_path, other.named)
    assert_equal(other.values(), beside_values)
    # Going on repairs it.
    again.save(3)
    assert Run(tmp_path).checkpoints.restore() == 3 and steps_in(tmp_path) == {2, 3}


def test_no_bit_of_the_index_can_change_what_is_restored(tmp_path):
    (values,) = Run(tmp_path).save(3)
    index = tmp_path / "ckpt-3.index"
    whole = index.read_bytes()
    found = {True: 0, False: 0}
    for place in range(0, len(whole), 23):
        index.write_bytes(whole)
        change(index, lambda data, place=place: flip(data, place))
        other = Run(tmp_path)
        try:
            restore_variables(tmp_path, other.named)
        except ValueError as error:
            assert "No checkpoint can be read" in str(error)
            found[False] += 1
        else:
            assert_equal(other.values(), values)
            found[True] += 1
    assert found[False] > 5


@pytest.mark.parametrize("content", [None, b"", b"\0\xff garbled", b'model_checkpoint_path: "/a"'])
def test_the_file_called_checkpoint_decides_nothing(tmp_path, content):
    run = Run(tmp_path)
    run.save(9, 10)
    (tmp_path / "checkpoint").unlink()
    if content is not None:
        (tmp_path / "checkpoint").write_bytes(content)
    again = Run(tmp_path)
    assert again.checkpoints.restore() == 10 and not again.logged
    assert_equal(again.move().values(), run.move().values())


def unfinished(folder, step):
    (folder / f"ckpt-{step}_temp").mkdir(parents=True)
    (folder / f"ckpt-{step}_temp" / "part-00000-of-00001.data-00000-of-00001").write_bytes(b"half")


def test_what_a_kill_left_of_a_checkpoint_is_not_one_and_goes_with_the_next(tmp_path):
    unfinished(tmp_path, 1)
    run = Run(tmp_path)
    assert run.checkpoints.restore() == 0  # the very first was not finished
    run.save(1, 2)
    unfinished(tmp_path, 3)
    again = Run(tmp_path)
    assert again.checkpoints.restore() == 2 and not again.logged
    again.save(3)
    assert not list(tmp_path.glob("*_temp"))


@pytest.mark.parametrize("index", [None, b"", b"half an index"])
def test_a_kill_between_data_and_index_leaves_no_checkpoint_either(tmp_path, index):
    for step, wanted in ((1, 0), (3, 2)):
        Run(tmp_path).save(step)
        unfinished(tmp_path, step)
        file = tmp_path / f"ckpt-{step}.index"
        file.unlink() if index is None else file.write_bytes(index)
        run = Run(tmp_path)
        assert run.checkpoints.restore() == wanted and not run.logged
        run.save(2)
        assert steps_in(tmp_path) == {2} and not list(tmp_path.glob("*_temp"))


def test_a_kill_behind_the_last_byte_leaves_a_checkpoint(tmp_path):
    run = Run(tmp_path)
    run.save(1, 2)
    unfinished(tmp_path, 2)
    again = Run(tmp_path)
    assert again.checkpoints.restore() == 2
    assert_equal(again.values(), run.values())
    again.save(3)
    assert steps_in(tmp_path) == {2, 3} and not list(tmp_path.glob("*_temp"))


def break_step(folder, step):
    change(next(folder.glob(f"ckpt-{step}.data*")), lambda data: data[:5])


def test_where_no_checkpoint_can_be_read_nothing_starts_again(tmp_path):
    Run(tmp_path).save(1, 2)
    for step in (1, 2):
        break_step(tmp_path, step)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    run = Run(tmp_path)
    for restore in (run.checkpoints.restore, lambda: restore_variables(tmp_path, run.named)):
        with pytest.raises(ValueError, match="No checkpoint can be read") as error:
            restore()
        assert all(f"{tmp_path}/ckpt-{step}, which" in str(error.value) for step in (1, 2))
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_broken_ones_are_not_counted_among_those_that_are_kept(tmp_path):
    Run(tmp_path, keep=9).save(1, 2, 3, 4, 5)
    for step in (4, 5):
        break_step(tmp_path, step)
    run = Run(tmp_path, keep=3)
    assert run.checkpoints.restore() == 3 and len(run.logged) == 2
    run.save(4)  # the broken 5 lies above and is no reason to delete anything
    assert steps_in(tmp_path) == {2, 3, 4, 5}
    again = Run(tmp_path, keep=3)
    assert again.checkpoints.restore() == 4
    again.save(6)
    assert steps_in(tmp_path) == {3, 4, 5, 6}  # 5 is not one of the three
    again.save(7)
    assert steps_in(tmp_path) == {4, 5, 6, 7}


def test_a_folder_without_checkpoints_is_none_to_use(tmp_path):
    with pytest.raises(ValueError, match="no checkpoint yet"):
        restore_variables(tmp_path, {})


def test_one_that_cannot_be_written_leaves_the_one_before(tmp_path):
    run = Run(tmp_path)
    (wanted,) = run.save(1)
    kept = {path.name for path in tmp_path.iterdir()}
    with pytest.raises(OSError, match="cannot be written") as error, small_files(20):
        run.save(2)
    assert error.value.filename == str(tmp_path / "ckpt-2")
    assert {path.name for path in tmp_path.iterdir()} == kept
    again = Run(tmp_path)
    assert again.checkpoints.restore() == 1
    assert_equal(again.values(), wanted)
