import unicodedata

import pytest

from deeplab_tf.data.terminal_text import shortened, steers_a_terminal, visible


@pytest.mark.parametrize(
    "text", ["plain", "Größe 写真\ttab", "two\nlines", "\u0645\u06cc\u200c\u062e", ""]
)
def test_other_text_stays_as_it_is(text):
    assert visible(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J", r"\x1b[2J"),
        ("a\x7f\x9bb", r"a\x7f\x9bb"),
        ("\u202egpj", r"\u202egpj"),
        ("\u2028", r"\u2028"),
        ("K\udcfche", r"K\udcfche"),
        ("\U000e0001", r"\U000e0001"),
    ],
)
def test_what_could_steer_a_terminal_is_escaped(text, shown):
    assert visible(text) == shown


def test_no_control_character_is_left():
    every = "".join(map(chr, range(0x3000)))
    left = {c for c in visible(every) if unicodedata.category(c) in ("Cc", "Cf", "Cs")}
    assert left == set("\n\r\t\u200c\u200d")
    assert not any(map(steers_a_terminal, "aä写 \u200d"))


def test_long_lines_are_cut():
    assert shortened("a\nb") == "a\nb"
    assert shortened(f"a\n{'b' * 5000}\nc") == f"a\n{'b' * 4000}...\nc"
