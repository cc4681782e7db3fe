"""Needs Apache Beam."""

import pytest

from deeplab_tf.evaluation.beam import beam_package
from deeplab_tf.evaluation.beam.beam_options import is_direct, pipeline_options


def test_options_are_handed_on():
    from apache_beam.options.pipeline_options import DirectOptions

    words = ["--direct_running_mode=multi_processing", "--direct_num_workers=2"]
    options = pipeline_options(words)
    direct = options.view_as(DirectOptions)
    assert (direct.direct_running_mode, direct.direct_num_workers) == ("multi_processing", 2)
    assert is_direct(options) and is_direct(pipeline_options([]))


def test_workers_on_this_machine_tell_of_the_progress_only():
    from apache_beam.options.pipeline_options import WorkerOptions

    worker = pipeline_options([]).view_as(WorkerOptions)
    assert worker.default_sdk_harness_log_level == "CRITICAL"
    assert worker.sdk_harness_log_level_overrides == {"deeplab_tf": "INFO"}
    chosen = pipeline_options(["--default_sdk_harness_log_level=DEBUG"]).view_as(WorkerOptions)
    assert chosen.default_sdk_harness_log_level == "DEBUG"
    assert not chosen.sdk_harness_log_level_overrides


def test_options_that_only_a_runner_knows_are_handed_on():
    words = ["--runner=PortableRunner", "--job_endpoint=localhost:1", "--maxBundleSize=5"]
    options = pipeline_options(words)
    assert not is_direct(options)
    assert options.get_all_options(retain_unknown_options=True)["maxBundleSize"] == "5"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--direct_num_wrokers=2"], "no option --direct_num_wrokers; did you mean --direct_num_w"),
        (["--runner=FlinkRunner", "--flink_mastr=x"], "did you mean --flink_master?"),
        (["--anything=2"], "Apache Beam has no option --anything."),
        (["--direct_num_workers=x"], "Apache Beam: argument --direct_num_workers: invalid int"),
        (["--direct_running_mode=x"], "Apache Beam: argument --direct_running_mode: invalid choi"),
        (["--direct_num_workers", "2"], "written --NAME=VALUE. Received: '2'"),
        (["--runner=Foo"], "Unexpected pipeline runner: Foo"),
    ],
)
def test_what_is_no_option_is_one_line(words, message, capsys):
    with pytest.raises(ValueError) as refused:
        pipeline_options(words)
    assert message in str(refused.value) and "\n" not in str(refused.value)
    assert capsys.readouterr() == ("", "")


def test_without_beam_the_extra_is_named(monkeypatch):
    monkeypatch.setattr(beam_package.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"needs apache-beam: pip install 'deeplab_tf\[beam\]'"):
        pipeline_options([])
