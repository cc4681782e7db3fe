"""The names of rows for flags that take one of them."""

from __future__ import annotations

import ast
import importlib.util
import sys
from pathlib import Path


def table_keys(module: str, table: str) -> list[str]:
    """Returns the keys of a dict of a module, without importing it.

    They are read from the text of its file: importing it would import TensorFlow, which takes
    seconds, before a program can answer what is wrong with its flags. Where it has been imported,
    rows that were added since are among them.

    Args:
        module: its full name.
        table: name that the dict is assigned to; its keys are texts.

    Example:
        >>> table_keys("deeplab_tf.export.formats", "FORMATS")
        ['saved_model', 'litert', 'onnx', 'weights']
    """
    if rows := getattr(sys.modules.get(module), table, None):
        return list(rows)
    spec = importlib.util.find_spec(module)
    assert spec is not None and spec.origin is not None
    for node in ast.parse(Path(spec.origin).read_text(encoding="utf-8")).body:
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and isinstance(node.value, ast.Dict):
            names = [node.target] if isinstance(node, ast.AnnAssign) else node.targets
            if any(isinstance(name, ast.Name) and name.id == table for name in names):
                return [ast.literal_eval(key) for key in node.value.keys if key]
    raise LookupError(f"{module} has no {table} = {{...}}")
