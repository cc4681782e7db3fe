"""The workers of a run as the environment lists them: by TF_CONFIG, or as tasks of Slurm."""

from __future__ import annotations

import json
import os
import re

import tensorflow as tf

_EXAMPLE = (
    'TF_CONFIG=\'{"cluster": {"worker": ["host0:2222", "host1:2222"]}, '
    '"task": {"type": "worker", "index": 0}}\', with another index on every machine'
)


def check_tf_config() -> None:
    """Checks the environment variable TF_CONFIG, which lists the workers.

    Raises:
        ValueError: it is missing or wrong.
    """
    problem = _problem_of(os.environ.get("TF_CONFIG", ""))
    if problem:
        raise ValueError(f"multi_worker reads TF_CONFIG, which {problem}. Set {_EXAMPLE}.")


def _problem_of(text: str) -> str | None:
    if not text.strip():
        return "is not set"
    try:
        values = json.loads(text)
        cluster, task = {**values["cluster"]}, {**values["task"]}
        kind, index = task["type"], int(task["index"])
    except json.JSONDecodeError as error:
        return f"is not JSON ({error})"
    except (KeyError, TypeError, ValueError) as error:
        return f"lacks a part: it must hold cluster, task.type and task.index ({error!r})"
    if not cluster or not {*cluster} <= {"chief", "worker"}:
        return f"must list worker (and chief, if you like). Received: {sorted(cluster)}"
    for addresses in cluster.values():
        if not isinstance(addresses, list) or not all(map(_is_address, addresses)):
            return f"must hold lists of HOST:PORT. Received: {addresses!r}"
    if kind not in cluster or not 0 <= index < len(cluster[kind]):
        return f"names a task that its cluster does not list. Received: {kind!r}, index {index}"
    return None


def _is_address(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[^\s/]+:\d+", value) is not None


def count_workers() -> int:
    """Returns the number of workers that TF_CONFIG lists, or else of tasks of this Slurm step.

    Raises:
        ValueError: TF_CONFIG is set, and wrong.
    """
    if os.environ.get("TF_CONFIG"):
        check_tf_config()
        return sum(map(len, json.loads(os.environ["TF_CONFIG"])["cluster"].values()))
    # The script of a job is no task that srun has started, and has no place among them.
    tasks = os.environ.get("SLURM_STEP_NUM_TASKS", "")
    return int(tasks) if tasks.isdecimal() and "SLURM_LOCALID" in os.environ else 1


def slurm_config() -> str:
    """Returns a TF_CONFIG with the tasks of this Slurm step as workers.

    The ports follow from the job's number, so that jobs on one machine rarely meet.

    Raises:
        ValueError: a variable that `srun` sets is missing or wrong.
    """
    try:
        port = 20000 + int(os.environ["SLURM_JOB_ID"]) % 10000
        # It only lists the tasks: which GPUs they see is Slurm's business, not a count of its own.
        resolver = tf.distribute.cluster_resolver.SlurmClusterResolver(
            port_base=port, gpus_per_node=2**16, gpus_per_task=1, auto_set_gpu=False
        )
        workers = resolver.cluster_spec().as_dict()["worker"]
        # Not the task's number: the list is sorted by names, the numbers need not be.
        own = f"{os.environ['SLURMD_NODENAME']}:{port + int(os.environ['SLURM_LOCALID'])}"
        task = {"type": "worker", "index": workers.index(own)}
    except (KeyError, RuntimeError, ValueError) as error:
        raise ValueError(
            f"The tasks of this Slurm step cannot be listed ({error}). Start them with srun, or "
            "set TF_CONFIG."
        ) from error
    return json.dumps({"cluster": {"worker": workers}, "task": task})
