"""The Python that the documentation shows, run as it stands there."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def run_python(file, names, **replaced):
    """Runs the Python blocks of a file, such as `docs/crf.md`, one after the other.

    Args:
        file: its path below the checkout.
        names: what the text takes for granted; returned with what the blocks define.
        **replaced: texts that stand for something -> what they stand for here.
    """
    blocks = re.findall(r"^```python\n(.*?)^```$", (ROOT / file).read_text(), re.S | re.M)
    assert blocks, f"{file} shows no Python"
    code = "".join(blocks)
    for text, value in replaced.items():
        assert text in code
        code = code.replace(text, value)
    exec(compile(code, file, "exec"), names)
    return names
