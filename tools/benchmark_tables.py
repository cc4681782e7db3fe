"""Puts figures that tools/benchmark.py has written into the tables of a document.

python tools/benchmark.py --suite=train --output=benchmarks/results/MACHINE/train.json
python tools/benchmark_tables.py

The table begins at a line <!-- results: MACHINE/train.json --> of the document and ends at
<!-- end of results -->; what stands between them is replaced.
"""

import sys
from pathlib import Path

from deeplab_tf import cli

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT))  # `benchmarks` is not installed
RESULTS = cli.define_path_flag(
    "results", "Folder of the figures.", default=str(ROOT / "benchmarks/results")
)
DOCUMENT = cli.define_path_flag(
    "document", "Markdown whose tables are made anew.", default=str(ROOT / "docs/benchmarks.md")
)


def main():
    from benchmarks.tables import fill_tables
    from deeplab_tf.data.files import write_atomically

    document = Path(DOCUMENT.value)
    try:
        filled = fill_tables(document.read_text("utf-8"), Path(RESULTS.value))
    except UnicodeDecodeError as error:
        raise ValueError(f"{document}: no text in UTF-8 ({error}).") from error
    write_atomically(document, filled.encode())


if __name__ == "__main__":
    cli.run(main)
