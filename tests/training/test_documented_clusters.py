"""The files that docs/distributed.md shows start every worker with a TF_CONFIG that is right."""

import os
import stat
import subprocess

import pytest
import yaml

from deeplab_tf.training.cluster import check_tf_config
from tests.imports import ROOT

# What the scripts call, in place of a cluster: two hosts, and a program that shows what it got.
STUBS = {
    "scontrol": 'echo "scontrol $*"',
    "srun": 'for i in 0 1; do "$@"; done',
    "python": 'echo "python $*"; exit $STATUS',
    "deeplab": 'echo "$TF_CONFIG"; echo "deeplab $*"',
}


@pytest.fixture
def run(tmp_path):
    """Runs a script with the stubs; returns the lines that it prints."""
    for name, body in STUBS.items():
        file = tmp_path / name
        file.write_text(f"#!/bin/bash\n{body}\n")
        file.chmod(file.stat().st_mode | stat.S_IXUSR)

    def run(script, **environment):
        path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", "-c", script],
            env={**os.environ, **environment, "PATH": path},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        return done.stdout.splitlines()

    return run


def assert_starts_worker(monkeypatch, text, index, hosts, command):
    monkeypatch.setenv("TF_CONFIG", text)
    check_tf_config()
    assert f'"index": {index}}}' in text and all(f'"{host}:2222"' in text for host in hosts)
    assert command.endswith("--strategy=multi_worker --fail_on_signal")


def test_slurm(run):
    # The workers find each other by Slurm's variables, see test_cluster.py.
    script = (ROOT / "docs/slurm/train.sh").read_text("utf-8")
    printed = run(script, SLURM_JOB_ID="7", STATUS="0")
    assert len(printed) == 2 and all(line.endswith(" --fail_on_signal") for line in printed)
    assert run(script, SLURM_JOB_ID="7", STATUS="143") == [*printed, "scontrol requeue 7"]


def test_kubernetes(run, monkeypatch):
    service, job = yaml.safe_load_all((ROOT / "docs/kubernetes/train.yaml").read_text("utf-8"))
    name, spec = job["metadata"]["name"], job["spec"]
    assert service["metadata"]["name"] == spec["template"]["spec"]["subdomain"] == name
    assert service["spec"]["selector"] == {"job-name": name}
    (container,) = spec["template"]["spec"]["containers"]
    for index in range(spec["completions"]):
        text, command = run(container["args"][0], JOB_COMPLETION_INDEX=str(index))
        hosts = [f"{name}-{i}.{name}" for i in range(spec["completions"])]
        assert_starts_worker(monkeypatch, text, index, hosts, command)
