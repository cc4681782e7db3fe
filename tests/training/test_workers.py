import json
import os
import re
import signal
import socket

import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf import compat
from deeplab_tf.data.synthetic import SyntheticSplit
from deeplab_tf.export import load
from deeplab_tf.models.build_model import build_model
from deeplab_tf.training import workers
from deeplab_tf.training.config import base_config
from deeplab_tf.training.optimizers import build_optimizer, trained_variables
from deeplab_tf.training.strategies import build_strategy
from tests.imports import ROOT
from tests.tools.commands import Command
from tests.tools.loading import call
from tests.training.fakes import value_of
from tests.training.test_cluster import TWO, tf_config

pytestmark = pytest.mark.usefixtures("shallow_vgg")

SPLIT = SyntheticSplit("train", 4)
ONE = tf.distribute.get_strategy()

# === Joining ===


def test_workers_can_only_be_joined_at_the_start(monkeypatch):
    tf.constant(1.0) + 1.0
    monkeypatch.setenv("TF_CONFIG", tf_config({"worker": TWO}))
    with pytest.raises(ValueError, match="only be joined before TensorFlow is used"):
        build_strategy("multi_worker")


def test_the_cpu_of_a_worker_is_not_split(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", tf_config({"worker": TWO}))
    with pytest.raises(ValueError, match="leave out logical_devices"):
        build_strategy("multi_worker", logical_devices=2)


# === What workers agree on ===


def test_one_process_is_the_chief_and_agrees_with_itself():
    for strategy in (ONE, tf.distribute.MirroredStrategy(["CPU:0"])):
        assert workers.is_chief(strategy)
        assert workers.gather(strategy, 7) == [7]
        workers.require_same_run(strategy, "{}", SPLIT)


def test_workers_of_different_runs_are_stopped(monkeypatch):
    seen = []
    monkeypatch.setattr(workers, "gather", lambda _, number: seen.append(number) or seen)
    workers.require_same_run(ONE, '{"model": 1}', SPLIT)
    workers.require_same_run(ONE, '{"model": 1}', SPLIT)
    with pytest.raises(ValueError, match="different configurations or data sets"):
        workers.require_same_run(ONE, '{"model": 2}', SPLIT)
    seen[:] = seen[:1]
    with pytest.raises(ValueError, match="different configurations or data sets"):
        workers.require_same_run(ONE, '{"model": 1}', SyntheticSplit("train", 5))


def test_workers_at_different_steps_are_stopped(monkeypatch):
    monkeypatch.setattr(workers, "gather", lambda _, number: [200, 200, number, number])
    workers.require_same_step(ONE, 200)
    with pytest.raises(ValueError, match=r"different steps \[0, 200\]. --workdir must be one"):
        workers.require_same_step(ONE, 0)


def test_batch_that_cannot_be_divided():
    class FourReplicas:
        num_replicas_in_sync = 4

    assert workers.share_of_batch(8, FourReplicas) == 2
    with pytest.raises(ValueError, match=r"multiple of the number of replicas \(4\).*Received: 6"):
        workers.share_of_batch(6, FourReplicas)


class SecondOfTwo:
    """A strategy of the second of two workers."""

    class cluster_resolver:  # noqa: N801
        task_type, task_id = "worker", 1


PEER = (
    "failed to connect to all addresses\nremote target /job:worker/replica:0/task:0 while calling"
)
OWN = "Collective ops is aborted by: /job:worker/replica:0/task:1"
HEARTBEAT = "Deadline Exceeded\n\nRPC: /tensorflow.CoordinationService/Heartbeat"


@pytest.mark.parametrize(
    ("error", "text", "name"),
    [(tf.errors.UnavailableError, PEER, r"worker 0 \(127.0.0.1:2222\)"),
     (tf.errors.AbortedError, f"{OWN}; {PEER}", r"worker 0 \(127.0.0.1:2222\)"),
     (tf.errors.CancelledError, OWN, "Another worker"),
     (tf.errors.UnavailableError, "{{function_node f}} Socket closed", "Another worker"),
     (tf.errors.DeadlineExceededError, HEARTBEAT, r"worker 0 \(127.0.0.1:2222\)")],
)  # fmt: skip
def test_a_worker_that_is_gone_is_named(monkeypatch, error, text, name):
    def lose_one():
        with workers.naming_lost_workers(SecondOfTwo):
            raise error(None, None, text)

    monkeypatch.setattr(workers, "_jobs", lambda strategy: {})
    with pytest.raises(error):  # one process alone has lost something else
        lose_one()
    monkeypatch.setattr(workers, "_jobs", lambda strategy: {"worker": TWO})
    with pytest.raises(ConnectionError, match=rf"^{name} stopped or cannot .*checkpoint\.$"):
        lose_one()


@pytest.mark.parametrize(
    "preset", ["vgg16_large_fov", pytest.param("resnet101_aspp_l", marks=pytest.mark.slow)]
)
def test_the_chief_can_read_every_variable_alone(preset):
    # One that is synchronised on reading would make it wait for workers that do not read.
    config = base_config(preset)
    config.model.width = 0.02
    with tf.distribute.MirroredStrategy(["CPU:0"]).scope():
        model = build_model(config, SPLIT.spec)
        optimizer = build_optimizer("SGD", "momentum=0.9", 1e-3)
        trained = [entry.variable for entry in trained_variables(model, ())]
        compat.create_slots(optimizer, trained)
    variables = map(compat.tf_variable, model.variables_by_name().values())
    own = optimizer.variables() if callable(optimizer.variables) else optimizer.variables
    for variable in (*variables, *map(compat.tf_variable, own)):
        assert variable.synchronization != tf.VariableSynchronization.ON_READ, variable.name


# === Two processes ===

SMALL = [
    "--config.model.width=0.05", "--config.model.msc_features=False",
    "--config.data.augmentation=crop(33)",
    "--config.train.policy=fixed", "--config.train.precision=float32",
    "--config.train.checkpoint_every=2", "--config.train.eval_every=2",
    "--config.train.eval_limit=2", "--config.train.log_every=1",
]  # fmt: skip


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def flags_of(workdir):
    config = f"--config={ROOT / 'zoo/quickstart.py'}"
    return [config, "--data_dir=synthetic", f"--workdir={workdir}", *SMALL]


def start(workdir, *arguments):
    """Starts tools/train.py in two processes."""
    addresses = [f"127.0.0.1:{port}" for port in free_ports(2)]
    configs = [tf_config({"worker": addresses}, index=index) for index in range(2)]
    flags = [*flags_of(workdir), *arguments, "--strategy=multi_worker"]
    return [
        Command("train.py", *flags, cwd=ROOT, environment={"TF_CONFIG": config})
        for config in configs
    ]


def start_with_slurm(workdir, *arguments):
    """Starts tools/train.py as `srun --ntasks=2` does."""
    step = {
        "SLURM_JOB_ID": str(os.getpid()), "SLURM_STEP_NUM_TASKS": "2",
        "SLURM_STEP_NODELIST": "localhost", "SLURM_STEP_TASKS_PER_NODE": "2",
        "SLURMD_NODENAME": "localhost",
    }  # fmt: skip
    tasks = [{**step, "SLURM_PROCID": str(i), "SLURM_LOCALID": str(i)} for i in range(2)]
    flags = [*flags_of(workdir), *arguments]
    return [Command("train.py", *flags, cwd=ROOT, environment=task) for task in tasks]


def train(workdir, *arguments):
    """Runs tools/train.py in two processes; returns status, stdout and errors of each."""
    return ends(start(workdir, *arguments))


def ends(commands, timeout=900):
    ended = [command.wait(timeout) for command in commands]
    return [
        (status, out, [line for line in err.splitlines() if line.startswith("error:")])
        for status, out, err in ended
    ]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Eight steps of this process, and of two that were started again after the fourth."""
    one, two = tmp_path_factory.mktemp("one"), tmp_path_factory.mktemp("two")
    every = ["--config.train.checkpoint_every=4", "--config.train.eval_every=4"]
    call("train.py", *flags_of(one), *every, "--config.train.steps=8")
    first = train(two, *every, "--config.train.steps=4")
    second = train(two, *every, "--config.train.steps=8")
    return one, two, first, second


@pytest.mark.slow
def test_two_workers_end_with_the_weights_of_one_process(runs):
    one, two, *_ = runs
    wanted, found = (load(folder).variables_by_name() for folder in (one, two))
    for name, variable in wanted.items():
        np.testing.assert_allclose(
            value_of(found[name]), value_of(variable), atol=1e-4, err_msg=name
        )


@pytest.mark.slow
def test_the_chief_alone_writes_and_every_line_once(runs):
    one, two, *_ = runs
    assert {p.name.split(".")[0] for p in two.iterdir()} == {
        p.name.split(".")[0] for p in one.iterdir()
    }
    assert len(list(two.glob("events.*"))) == 2  # one a start
    names = {path.name for path in (two / "checkpoints").iterdir()}
    assert {name for name in names if name.endswith("index")} == {"ckpt-4.index", "ckpt-8.index"}
    lines = [
        [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
        for folder in (one, two)
    ]
    wanted, found = ([(line["step"], line.get("split")) for line in each] for each in lines)
    steps = [(step, None) for step in range(1, 9)]
    assert found == wanted == [*steps[:4], (4, "val"), *steps[4:], (8, "val")]
    for new, old in zip(lines[1], lines[0], strict=True):
        key = "miou" if "split" in old else "loss"
        assert new[key] == pytest.approx(old[key], rel=1e-3)


@pytest.mark.slow
def test_the_chief_alone_talks(runs):
    *_, first, second = runs
    for (chief_status, chief, errors), (status, other, other_errors) in (first, second):
        assert (chief_status, status, errors, other_errors) == (0, 0, [], [])
        assert chief.count(" images, void") == 2 and chief.count("model: ") == 1
        assert other.splitlines()[-1] == "the chief, which is the first worker, prints and writes"
        assert len(other.splitlines()) == 2
    assert second[0][1].count("going on from the checkpoint of step 4\n") == 1


@pytest.mark.slow
def test_both_workers_end_early(tmp_path):
    """The chief alone evaluates, and the other has to know."""
    monitor = ["--config.train.monitor=miou", "--config.train.patience=1"]
    (status, chief, errors), other = train(
        tmp_path, "--config.train.steps=20", "--config.train.learning_rate=0.0", *monitor
    )
    assert (status, other[0], errors, other[2]) == (0, 0, [], [])
    assert "in 1 evaluations: the run ends at step 4\nthe model is that of step 2" in chief
    lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
    assert json.loads(lines[-1])["step"] == 4 and (tmp_path / "model.keras").exists()


@pytest.mark.slow
def test_a_signal_to_one_worker_ends_both_after_the_same_step(tmp_path):
    commands = start_with_slurm(tmp_path, "--config.train.steps=500", "--config.train.eval_every=0")
    assert commands[0].wait_for_line("step 2/").startswith("step 2/500")
    os.kill(commands[1].process.pid, signal.SIGTERM)  # the chief has to hear of it
    both = ends(commands)
    (last,) = {out.splitlines()[-1] for _, out, _ in both}
    assert last.startswith("stopped by SIGTERM after step ")
    assert [(status, errors) for status, _, errors in both] == [(0, [])] * 2
    step = last.split()[5]
    assert (tmp_path / f"checkpoints/ckpt-{step}.index").exists()


def lose(commands, step, way, lost):
    """Sends a signal to one worker after a step; what the other says of it, and how both end."""
    assert commands[0].wait_for_line(f"step {step}/").startswith(f"step {step}/")
    os.kill(commands[lost].process.pid, way)
    status, _, errors = ends([commands[1 - lost]], timeout=60)[0]
    assert status == 1 and len(errors) == 1
    assert re.match(rf"error: worker {lost} \(127\.0\.0\.1:\d+\) stopped or cannot be", errors[0])
    if way == signal.SIGSTOP:  # it wakes up, and finds itself given up
        os.kill(commands[lost].process.pid, signal.SIGCONT)
    assert ends([commands[lost]], timeout=60)[0][0] not in (0, None)


@pytest.mark.slow
def test_a_worker_that_is_gone_ends_the_other_and_nothing_is_lost(runs, tmp_path):
    """Once the second worker is killed, and in what follows the chief hangs."""
    every = "--config.train.checkpoint_every=1"
    four, eight = (
        [f"--config.train.steps={steps}", f"--config.train.eval_every={steps}"] for steps in (4, 8)
    )
    lose(start(tmp_path, *four, every), 2, signal.SIGKILL, lost=1)
    lose(start(tmp_path, *eight, every), 6, signal.SIGSTOP, lost=0)
    assert [status for status, _, _ in train(tmp_path, *eight)] == [0, 0]
    wanted, found = (load(folder).variables_by_name() for folder in (runs[1], tmp_path))
    for name, variable in wanted.items():
        np.testing.assert_array_equal(value_of(found[name]), value_of(variable), err_msg=name)


@pytest.mark.slow
def test_workers_that_share_an_object_store_only(tmp_path):
    """Each has a copy; that of the one that does not write is renewed where a phase begins."""
    phases = "--config.train.phases=((2, 'train.learning_rate=2e-3'),)"
    flags = ["--config.train.steps=4", phases]
    store, local = tmp_path / "store", tmp_path / "local"
    both = train(f"file://{store}", *flags)
    assert [(status, errors) for status, _, errors in both] == [(0, [])] * 2
    call("train.py", *flags_of(local), *flags)
    wanted, found = (load(folder / "model.keras").variables_by_name() for folder in (local, store))
    for name, variable in wanted.items():
        np.testing.assert_allclose(
            value_of(found[name]), value_of(variable), atol=1e-4, err_msg=name
        )


@pytest.mark.slow
def test_a_batch_that_cannot_be_divided_stops_both_workers_alike(tmp_path):
    both = train(tmp_path / "run", "--config.train.batch_size=3")
    line = "error: train.batch_size must be a multiple of the number of replicas (2). Received: 3"
    assert [(status, errors) for status, _, errors in both] == [(1, [line])] * 2
    assert not (tmp_path / "run").exists()
