"""Finds which files of the repository a file imports."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("benchmarks", "deeplab_tf", "zoo", "tools", "tests")


def imported_files(file: Path) -> Iterator[Path]:
    """Yields the files of this repository that a file imports."""
    for node in ast.walk(ast.parse(file.read_text(), str(file))):
        if isinstance(node, ast.Import):
            modules = [(alias.name, None) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules = [(node.module, alias.name) for alias in node.names]
        else:
            continue
        for module, name in modules:
            found = _module_file(f"{module}.{name}") or _module_file(module)
            if found and found != file:
                yield found


def _module_file(module: str) -> Path | None:
    path = ROOT.joinpath(*module.split("."))
    candidates = (path.with_suffix(".py"), path / "__init__.py")
    if module.split(".")[0] not in FOLDERS:
        return None
    return next((candidate for candidate in candidates if candidate.is_file()), None)
