"""Every command that the documentation shows has flags that there are, with values they take."""

import re
import shlex

import pytest

from deeplab_tf.cli import flag_parsers
from deeplab_tf.cli.main import COMMANDS
from tests.tools.commands import ROOT, TOOLS, run
from tests.tools.loading import loaded, parse, shown_flags, source_of

FOLDERS = ("deeplab_tf/programs/*.py", "docs/*.md", "tools/*.py", "zoo/*.py")
SOURCES = sorted(p for pattern in ("README.md", "Makefile", *FOLDERS) for p in ROOT.glob(pattern))
TEXTS = {str(path.relative_to(ROOT)): re.sub(r"\\\n\s*", "", path.read_text()) for path in SOURCES}
TOOL_OF = {source_of(tool).stem: tool for tool in TOOLS}
STANDS_FOR = {
    "--config=zoo/NAME.py": "--config=zoo/quickstart.py",
    "--dataset=NAME": "--dataset=voc12",
}
# Of Apache Beam; tests/tools/test_predict_beam.py has it read them.
BEAM = {
    "runner", "direct_running_mode", "direct_num_workers", "flink_master", "spark_master_url",
    "parallelism", "environment_type", "environment_config", "job_endpoint", "project", "region",
    "temp_location", "sdk_container_image", "sdk_location", "max_num_workers", "service_port",
    "number_of_worker_harness_threads", "worker_machine_type", "job_name", "worker_pool",
}  # fmt: skip
# Flags of docker, pip, apt-get, pytest, saved_model_cli, TensorBoard and TF Serving.
OTHERS = {
    "gpus", "dir", "all", "model_config_file", "model_config_file_poll_wait_seconds", "no-deps",
    "allow_version_labels_for_unavailable_models", "rest_api_timeout_in_ms", "enable_batching",
    "tensorflow_intra_op_parallelism", "batching_parameters_file", "enable_model_warmup",
    "per_process_gpu_memory_fraction", "monitoring_config_file", "model_dir", "quiet", "editable",
    "check", "fix", "help", "numprocesses", "dist", "logdir", *BEAM,
}  # fmt: skip


def whole_commands():
    """(file, tool, words) of every `python tools/TOOL ...`, the last flag included."""
    for file, text in TEXTS.items():
        commands = re.findall(r"(?m)^deeplab ([a-z-]+)((?: +--)[^`\n#]*)", text)
        commands = [(TOOL_OF[COMMANDS[word]], rest) for word, rest in commands]
        for tool, rest in [*commands, *re.findall(r"python\S* tools/(\w+\.py)([^`\n#]*)", text)]:
            words = shlex.split(re.sub(r"[\[\]]", "", rest))  # flags that may be left out
            yield file, tool, [STANDS_FOR.get(word, word) for word in words]


def partial_commands():
    """(file, tool, names of flags) of every other mention of a program with flags."""
    for file, text in TEXTS.items():
        for tool, rest in re.findall(r"(?:tools/)?(\w+\.py)((?: +\[?--[^`\n]*)+)", text):
            if tool in TOOLS:
                # Behind a -- alone are options of another program.
                own = rest.partition(" -- ")[0]
                yield file, tool, re.findall(r"--([a-z_]+)(?![a-z_.])", own)


@pytest.mark.parametrize("tool", TOOLS)
def test_commands_are_parsed(tool, monkeypatch):
    monkeypatch.setattr(flag_parsers, "is_there", lambda path: True)
    monkeypatch.chdir(ROOT)
    commands = [(file, words) for file, found, words in whole_commands() if found == tool]
    assert commands or tool == "quickstart_summary.py"
    for file, words in commands:
        with loaded(tool):
            try:
                parse(words)
            except Exception as error:
                pytest.fail(f"{file}: {tool} {words}: {error}")


@pytest.mark.parametrize("tool", TOOLS)
def test_mentions_name_flags_of_the_program(tool):
    with loaded(tool) as module:
        names = shown_flags(module)
        shown = {name.removeprefix("no") for name in names} | names
        for file, found, mentioned in partial_commands():
            if found == tool:
                assert set(mentioned) - {"nocrf"} <= shown, file


def test_there_are_many_of_both():
    assert len(list(whole_commands())) > 60 and len(list(partial_commands())) > 60


def test_every_flag_that_is_named_is_one_of_some_program():
    known = set(OTHERS)
    for tool in TOOLS:
        with loaded(tool) as module:
            names = shown_flags(module)
            known |= names | {f"no{name}" for name in names}
    for file, text in TEXTS.items():
        if not file.startswith("zoo"):
            unknown = set(re.findall(r"(?<![\w-])--([a-z][a-z_-]+)(?![\w.-])", text)) - known
            assert not unknown, f"{file}: {unknown}"


def test_keys_of_the_configuration_are_set(monkeypatch):
    monkeypatch.setattr(flag_parsers, "is_there", lambda path: True)
    monkeypatch.chdir(ROOT)
    pattern = r"--config\.[\w.]+=(?:'[^']*'|[^\s`']+)"
    texts = [text for file, text in TEXTS.items() if file.endswith(".md")]
    settings = [shlex.split(word)[0] for text in texts for word in re.findall(pattern, text)]
    assert len(settings) > 8
    for word in settings:
        with loaded("train.py"):
            parse(["--config=zoo/quickstart.py", "--data_dir=D", "--workdir=W", word])


# === --help ===


@pytest.mark.slow
def test_help_is_no_failure():
    out, _ = run("evaluate.py", "--help")
    for name in ("--data_dir: ", "--[no]crf: ", "--scales: ", "--tile: ", "--[no]report: "):
        assert f"  {name}" in out
