"""Matches names in lists with names on the disk, whatever wrote them in which encoding."""

from __future__ import annotations

import codecs
import os
import unicodedata

# What editors and shells put before text of theirs.
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"),
          (codecs.BOM_UTF16_BE, "utf-16"))  # fmt: skip


def listed_key(name: str) -> str:
    """Returns what a name out of a list is compared by: its letters, in one of Unicode's forms.

    macOS stores an umlaut as a letter and a mark, other systems as one letter.

    Example:
        >>> listed_key("Ku\u0308he") == listed_key("K\u00fche")
        True
    """
    return unicodedata.normalize("NFC", name)


def stored_key(name: str) -> str:
    """Returns the same for a name on the disk, as `os.listdir` gives it.

    Its bytes are UTF-8 or else Latin-1, whatever Python takes for the system's encoding.
    """
    return listed_key(decode_text(os.fsencode(name)))


def decode_text(contents: bytes) -> str:
    """Decodes text that is UTF-8, with or without a mark, UTF-16 with one, or else Latin-1."""
    encoding = next((name for mark, name in _MARKS if contents.startswith(mark)), "utf-8")
    try:
        return contents.decode(encoding)
    except UnicodeDecodeError:
        return contents.decode("latin-1")
