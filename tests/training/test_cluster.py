import json

import pytest

from deeplab_tf.training.cluster import check_tf_config, count_workers, slurm_config
from deeplab_tf.training.strategies import build_strategy

# === TF_CONFIG ===


def tf_config(cluster, kind="worker", index=0):
    return json.dumps({"cluster": cluster, "task": {"type": kind, "index": index}})


TWO = ["127.0.0.1:2222", "127.0.0.1:2223"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [(None, "is not set"), (" ", "is not set"), ('{"cluster": ', "is not JSON"),
     ("[1]", "lacks a part"), ('{"cluster": {"worker": []}}', "lacks a part"),
     ('{"cluster": 3, "task": {"type": "worker", "index": 0}}', "lacks a part"),
     (tf_config({"worker": TWO}, index="first"), "lacks a part"),
     (tf_config({}), r"must list worker .*Received: \[\]"),
     (tf_config({"worker": TWO, "ps": TWO}), "must list worker .*Received: .'ps', 'worker'"),
     (tf_config({"worker": TWO[0]}), "must hold lists of HOST:PORT. Received: '127"),
     (tf_config({"worker": ["127.0.0.1"]}), "must hold lists of HOST:PORT"),
     (tf_config({"worker": [2222, 2223]}), "must hold lists of HOST:PORT"),
     (tf_config({"worker": TWO}, index=2), "names a task .*'worker', index 2"),
     (tf_config({"worker": TWO}, "chief"), "names a task .*'chief', index 0")],
)  # fmt: skip
def test_what_is_wrong_with_tf_config(monkeypatch, text, reason):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if text is not None:
        monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(ValueError, match=rf"reads TF_CONFIG, which {reason}.* Set TF_CONFIG=") as e:
        build_strategy("multi_worker")
    assert "\n" not in str(e.value)


@pytest.mark.parametrize(
    "text",
    [tf_config({"worker": TWO}, index=1), tf_config({"worker": TWO}, index="1"),
     tf_config({"chief": ["a:1"], "worker": ["some-host.local:2"]}, "chief")],
)  # fmt: skip
def test_tf_config_that_is_right(monkeypatch, text):
    monkeypatch.setenv("TF_CONFIG", text)
    check_tf_config()


# === Slurm ===

STEP = {
    "SLURM_JOB_ID": "7041234",
    "SLURM_STEP_NUM_TASKS": "5",
    "SLURM_STEP_NODELIST": "gpu[2,10],login",
    "SLURM_STEP_TASKS_PER_NODE": "2(x2),1",
    "SLURM_PROCID": "0",
    "SLURM_LOCALID": "0",
    "SLURMD_NODENAME": "gpu2",
}


@pytest.fixture
def step(monkeypatch):
    """Sets the variables of a task of Slurm; None takes one away."""
    monkeypatch.delenv("TF_CONFIG", raising=False)

    def change(**values):
        for name, value in {**STEP, **values}.items():
            monkeypatch.delenv(name, raising=False)
            if value is not None:
                monkeypatch.setenv(name, value)

    return change


@pytest.mark.parametrize(
    ("node", "local", "rank"),
    [("gpu2", 0, 0), ("gpu2", 1, 1), ("gpu10", 0, 2), ("gpu10", 1, 3), ("login", 0, 4)],
)
def test_every_task_finds_its_own_address(step, monkeypatch, node, local, rank):
    step(SLURMD_NODENAME=node, SLURM_LOCALID=str(local), SLURM_PROCID=str(rank))
    config = json.loads(slurm_config())
    workers = config["cluster"]["worker"]
    assert sorted(workers) == sorted(
        ["gpu2:21234", "gpu2:21235", "gpu10:21234", "gpu10:21235", "login:21234"]
    )
    assert workers[config["task"]["index"]] == f"{node}:{21234 + local}"
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    check_tf_config()
    assert count_workers() == 5


@pytest.mark.parametrize(
    ("values", "workers"),
    [({}, 5), ({"SLURM_STEP_NUM_TASKS": "1"}, 1), ({"SLURM_STEP_NUM_TASKS": None}, 1),
     ({"SLURM_LOCALID": None}, 1), ({"TF_CONFIG": tf_config({"worker": TWO})}, 2)],
)  # fmt: skip
def test_the_number_of_workers(step, values, workers):
    step(**values)
    assert count_workers() == workers


@pytest.mark.parametrize(
    ("values", "reason"),
    [({"SLURM_STEP_NODELIST": None}, "STEP_NODELIST not found"),
     ({"SLURM_STEP_NODELIST": "gpu[2"}, "Invalid hostlist"),
     ({"SLURM_STEP_TASKS_PER_NODE": "2"}, "5 tasks but only 2"),
     ({"SLURMD_NODENAME": "other"}, "'other:21234' is not in list"),
     ({"SLURMD_NODENAME": None}, "SLURMD_NODENAME"), ({"SLURM_JOB_ID": "x"}, "invalid literal")],
)  # fmt: skip
@pytest.mark.parametrize("strategy", ["auto", "multi_worker"])
def test_a_step_that_cannot_be_read_is_one_line(step, strategy, values, reason):
    step(**values)
    with pytest.raises(
        ValueError, match=rf"^The tasks of this Slurm .*{reason}.* srun, or set"
    ) as e:
        build_strategy(strategy)
    assert "\n" not in str(e.value)


def test_auto_joins_the_workers_of_tf_config(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", tf_config({"worker": TWO}))
    with pytest.raises(ValueError, match="leave out logical_devices"):
        build_strategy("auto", logical_devices=2)
    monkeypatch.setenv("TF_CONFIG", tf_config({"worker": TWO[:1]}))
    assert build_strategy("auto") is build_strategy("one")
