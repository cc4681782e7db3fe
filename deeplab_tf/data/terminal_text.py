"""Text that names files and classes of strangers, shown so that it cannot steer a terminal."""

from __future__ import annotations

import unicodedata

# Unicode's categories of control and format characters, surrogates and breaks of lines.
_INVISIBLE = ("Cc", "Cf", "Cs", "Zl", "Zp")
_JOINS_LETTERS = "\u200c\u200d"  # scripts from Persian to Malayalam need them
# What programs print themselves; surrogates stand for bytes of file names that are no UTF-8.
_LAYOUT = "\n\r\t"
# A line of a message; a file may hold a value of megabytes.
LONGEST_LINE = 4000


def steers_a_terminal(character: str) -> bool:
    """Returns whether a character is invisible or a control character, as in escape sequences.

    Args:
        character: one.
    """
    return unicodedata.category(character) in _INVISIBLE and character not in _JOINS_LETTERS


def visible(text: str) -> str:
    r"""Returns a text with escapes, such as ``\x1b``, in place of what could steer a terminal.

    Args:
        text: of any number of lines, which stay.

    Example:
        >>> print(visible("a\x1b[2Jb"))
        a\x1b[2Jb
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_shown, text))


def shortened(message: str) -> str:
    """Returns a message whose lines have at most `LONGEST_LINE` characters."""
    lines = message.split("\n")
    return "\n".join(x if len(x) <= LONGEST_LINE else f"{x[:LONGEST_LINE]}..." for x in lines)


def _shown(character: str) -> str:
    if character in _LAYOUT or not steers_a_terminal(character):
        return character
    return character.encode("unicode_escape").decode("ascii")
