"""Extends the package by what docs/extending.md shows: its files as modules, its rows in tables."""

import contextlib
import importlib
import re
import sys
from pathlib import Path
from types import ModuleType

import keras
import pytest

from tests.documentation import ROOT

_BLOCK = re.compile(r'^```python title="([^"]+)"\n(.*?)^```$', re.S | re.M)
_ROW = re.compile(r"a row of (\w+) in (\S+)\.py")
_TEXT = (ROOT / "docs/extending.md").read_text()
# Path or title -> text.
BLOCKS = dict(_BLOCK.findall(_TEXT))
# Table -> the module that has it, and the text of its new row.
ROWS = {
    match[1]: (match[2].removesuffix("/__init__").replace("/", "."), text)
    for title, text in BLOCKS.items()
    if (match := _ROW.fullmatch(title))
}


@contextlib.contextmanager
def extended(folder: Path):
    """Writes the page's files to a folder; while it is open the package has them and their rows."""
    registered = keras.saving.get_custom_objects()
    before = set(registered)
    with pytest.MonkeyPatch.context() as patch:
        names = {}
        for path, text in BLOCKS.items():
            if not _ROW.fullmatch(path):
                file = folder / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text)
                if path.startswith("deeplab_tf/"):
                    names |= vars(_imported(file, path, patch))
        for table, (module, text) in ROWS.items():
            module = importlib.import_module(module)
            for name, row in eval(f"{{{text}}}", {**names, **vars(module)}).items():
                patch.setitem(getattr(module, table), name, row)
        try:
            yield
        finally:
            for name in set(registered) - before:
                del registered[name]


def _imported(file: Path, path: str, patch: pytest.MonkeyPatch) -> ModuleType:
    """Imports a file as if it lay in its package, under the name that it has there."""
    name = path.removesuffix(".py").replace("/", ".")
    package = importlib.import_module(name.rpartition(".")[0])
    patch.setattr(package, "__path__", [*package.__path__, str(file.parent)])
    importlib.invalidate_caches()
    module = importlib.import_module(name)
    patch.delitem(sys.modules, name)  # so that it goes again at the end
    patch.setitem(sys.modules, name, module)
    return module
