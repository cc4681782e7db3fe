"""One word for one thing, in code, messages and documentation."""

import re

from tests.imports import ROOT

# Word that is not used -> the one that is.
RETIRED = {
    r"pictures?|photos?|photographs?": "image",
    r"trunks?": "backbone",
    r"scorers?": "head, or metrics",
    r"listeners?": "callbacks",
    r"doubtful": "unconverged, or uncertain",
    r"constant answers?": "majority-class baseline",
}
# Where names of version 0.1 still work, and what listens to a socket.
ALLOWED = {"old_names.py", "old_predictor_names.py", "evaluate.py", "CHANGELOG.md"}


def test_retired_words_do_not_come_back():
    folders = ("deeplab_tf", "docs", "tools", "zoo", "benchmarks")
    files = [*ROOT.glob("*.md"), *(p for f in folders for p in (ROOT / f).rglob("*.[pm][yd]"))]
    assert len(files) > 250
    for word, instead in RETIRED.items():
        pattern = re.compile(rf"\b({word})\b", re.IGNORECASE)
        for file in files:
            if file.name not in ALLOWED:
                found = pattern.search(file.read_text())
                assert not found, f"{file}: {found[0]!r} is called {instead} here"
