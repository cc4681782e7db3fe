import json
from pathlib import Path

import pytest

from deeplab_tf.data.paths import DataError
from deeplab_tf.evaluation.beam.dead_letters import (
    DeadLetter,
    are_dead_letters,
    dead_letter,
    read_dead_letters,
    write_dead_letters,
)

LETTERS = [
    dead_letter("/in/a.jpg", "a.jpg", DataError("/in/a.jpg: broken or cut off.")),
    dead_letter("/in/\udce9.jpg", "\udce9.jpg", FloatingPointError("not finite\nat all")),
]


def test_letters_are_read_as_they_were_written(tmp_path):
    file = str(tmp_path / "new/letters.jsonl")
    write_dead_letters(file, LETTERS)
    assert read_dead_letters(file) == LETTERS
    assert are_dead_letters(Path(file))


def test_every_line_is_json_with_path_and_reason(tmp_path):
    file = tmp_path / "letters.jsonl"
    write_dead_letters(str(file), LETTERS)
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [(line["path"], line["reason"]) for line in lines] == [
        ("/in/a.jpg", "broken or cut off."), ("/in/\udce9.jpg", "not finite\nat all"),
    ]  # fmt: skip


def test_without_letters_there_is_no_file(tmp_path):
    file = tmp_path / "letters.jsonl"
    write_dead_letters(str(file), [])
    assert not file.exists()
    write_dead_letters(str(file), LETTERS)
    write_dead_letters(str(file), [])
    assert not file.exists()


@pytest.mark.parametrize("content", ["", "mine\n", "[1]\n", '{"path": "a"}\n', "[" * 10**5])
def test_other_files_are_none(tmp_path, content):
    file = tmp_path / "letters.jsonl"
    file.write_text(content)
    assert not are_dead_letters(file)
    assert not are_dead_letters(tmp_path / "none.jsonl")


@pytest.mark.parametrize("content", ["mine\n", "[1]\n", '{"path": "a"}\n'])
def test_broken_letters_are_an_error_that_names_the_file(tmp_path, content):
    file = tmp_path / "letters.jsonl"
    file.write_text(content)
    with pytest.raises(ValueError, match=r"letters\.jsonl: no dead letters"):
        read_dead_letters(file)


def test_a_letter_has_what_the_message_says_of_the_image():
    assert dead_letter("a.jpg", "a", "a.png: full") == DeadLetter("a.jpg", "a", "a.png: full")
