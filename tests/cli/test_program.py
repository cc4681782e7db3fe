import io
import os
import sys
from unittest import mock

import pytest
import tensorflow as tf

from deeplab_tf.cli import program


def exit_status(main, arguments=("tool",)):
    """Runs a program without absl's own parsing of the test session's command line."""
    with mock.patch.object(program.app, "run") as started:
        program.run(main)
    return started.call_args.args[0](list(arguments))


@pytest.mark.parametrize("kind", [ValueError, OSError, ImportError, FloatingPointError])
def test_what_main_raises_is_one_line(capsys, kind):
    def main():
        raise kind("broken.png: no image")

    assert exit_status(main) == 1
    assert capsys.readouterr().err == "error: broken.png: no image\n"


@pytest.mark.parametrize(
    ("raised", "line"),
    [(OSError(28, "cannot be written: no space left on device", "run/ckpt-2"),
      "run/ckpt-2: cannot be written: no space left on device"),
     (FileNotFoundError(2, "No such file or directory", "a.json"),
      "a.json: No such file or directory"),
     (OSError(28, "No space left on device"),
      "standard output: cannot be written: No space left on device"),
     (tf.errors.ResourceExhaustedError(None, None, "{{node x}} OOM when allocating [Op:Conv2D]"),
      "ResourceExhaustedError: OOM when allocating"),
     (tf.errors.InternalError(None, None, "two\nlines"), "InternalError: two"),
     (tf.errors.OpError(None, None, "no kind that has a class", 99),
      "OpError: no kind that has a class"),
     (MemoryError("Unable to allocate 7 GiB"), "not enough memory. Unable to allocate 7 GiB")],
)  # fmt: skip
def test_errors_of_system_and_tensorflow_are_one_line(capsys, raised, line):
    def main():
        raise raised

    assert exit_status(main) == 1
    assert capsys.readouterr().err == f"error: {line}\n"


def test_a_printed_line_is_in_the_file_before_the_program_ends(monkeypatch):
    file = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(file, write_through=False))
    seen = []

    def main():
        print("step 1")
        seen.append(file.getvalue())

    exit_status(main)
    assert seen == [b"step 1\n"]


def test_ctrl_c_is_one_line_and_a_status_of_its_own(capsys):
    def main():
        raise KeyboardInterrupt

    assert exit_status(main) == 130
    assert capsys.readouterr().err == "error: interrupted\n"


def test_bugs_keep_their_traceback():
    def main():
        raise AssertionError("a bug")

    with pytest.raises(AssertionError):
        exit_status(main)


def test_status_of_main_is_handed_on_and_words_are_refused(capsys):
    assert exit_status(lambda: 3) == 3
    assert exit_status(lambda: 0, ("tool", "word")) == 1
    assert "['word']" in capsys.readouterr().err


def test_options_behind_the_flags_go_to_a_program_that_takes_them(capsys):
    seen = []
    for words in ([], ["--runner=x", "y"]):
        assert exit_status(lambda options=(): seen.append(options), ("tool", *words)) is None
    assert seen == [[], ["--runner=x", "y"]]
    assert exit_status(seen.append, ("tool", "word", "--runner=x")) == 1
    assert "unexpected arguments ['word', '--runner=x']" in capsys.readouterr().err
    assert exit_status(lambda: 0, ("tool", "--runner=x")) == 1
    assert len(seen) == 2


def test_a_name_that_the_terminal_cannot_show_stops_nothing(monkeypatch):
    """A file name that is no UTF-8, and a letter that Latin-1 lacks."""
    file = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(file, encoding="latin-1"))
    exit_status(lambda: print(os.fsdecode(b"K\xfche.jpg"), "\u4e2d"))
    assert file.getvalue() == b"K\\udcfche.jpg \\u4e2d\n"


def test_names_of_strangers_cannot_steer_the_terminal(monkeypatch, capsys):
    file = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(file, encoding="utf-8"))

    def main():
        print("labelled: a\x1b[2Jb\x9b.jpg\tö")
        return program.print_labelled(["c\x1b]0;owned\x07.png: no image"], 2, "out\u202e")

    assert exit_status(main) == 1
    assert file.getvalue().decode() == (
        "labelled: a\\x1b[2Jb\\x9b.jpg\tö\n1 of 2 images labelled: out\\u202e\n"
    )
    assert capsys.readouterr().err == "error: c\\x1b]0;owned\\x07.png: no image\n"


def test_what_is_quoted_of_a_file_does_not_fill_the_screen(capsys):
    def main():
        raise ValueError(f"data.json: received {'x' * 10_000}\n\x1b[2J")

    assert exit_status(main) == 1
    first, second = capsys.readouterr().err.splitlines()
    assert first == f"error: data.json: received {'x' * (4000 - 27)}..."
    assert second == "\\x1b[2J"
