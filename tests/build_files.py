"""Writes Bazel's BUILD files: one target a Python file, its dependencies taken from its imports.

    python -m tests.build_files        (or: make build-files)

A string in `tests` that names a file or folder of `tools` or `zoo` counts as a dependency too,
since such files are run and not imported.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("benchmarks", "deeplab_tf", "zoo", "tools", "tests")
HEADER = "# Written by `make build-files` from the imports.\n"


def all_build_files() -> dict[Path, str]:
    """Returns the text of every BUILD file that the tree should have, by path."""
    folders = {path.parent for top in FOLDERS for path in (ROOT / top).rglob("*.py")}
    return {folder / "BUILD": _build_file(folder) for folder in sorted(folders)}


def _build_file(folder: Path) -> str:
    is_test = folder.relative_to(ROOT).parts[0] == "tests"
    files = sorted(folder.glob("*.py"))
    tests = [file for file in files if _is_test(file)]
    quick = [file for file in tests if "mark.slow" not in file.read_text()]
    smoke = next(iter(quick or tests), None)
    targets = [_target(file, smoke=file == smoke) for file in files]
    if folder.name in ("tools", "zoo") and not is_test:
        targets.append(_rule("py_library", folder.name, deps=[f":{file.stem}" for file in files]))
    package = 'default_visibility = ["//visibility:public"]'
    package = f"default_testonly = True, {package}" if is_test else package
    return "\n".join([HEADER, f"package({package})\n", *targets])


def _target(file: Path, smoke: bool) -> str:
    deps = {_label(other) for other in imported_files(file)}
    if not _is_test(file):
        kind = "py_binary" if "__main__" in _constants(file) else "py_library"
        data = sorted(_named_targets(file)) if ROOT / "tests" in file.parents else []
        return _rule(kind, _name(file), srcs=[file.name], data=data, deps=_from(file, deps))
    return _rule(
        "py_test",
        file.stem,
        srcs=[file.name, "//tests:run_pytest.py"],
        main="//tests:run_pytest.py",
        args=[f"$(location {file.name})"],
        data=["//:setup.cfg", *sorted(_named_targets(file))],
        tags=["smoke"] if smoke else [],
        deps=_from(file, deps | {"//tests:conftest"}),
    )


def _rule(kind: str, name: str, **attributes: str | list[str]) -> str:
    lines = [f"{kind}(", f'    name = "{name}",']
    for key, value in attributes.items():
        if isinstance(value, str):
            lines.append(f'    {key} = "{value}",')
        elif len(value) == 1:
            lines.append(f'    {key} = ["{value[0]}"],')
        elif value:
            lines += [f"    {key} = [", *(f'        "{item}",' for item in value), "    ],"]
    return "\n".join([*lines, ")\n"])


def _is_test(file: Path) -> bool:
    return file.name.startswith("test_")


def _name(file: Path) -> str:
    return file.parent.name if file.stem == "__init__" else file.stem


def _label(file: Path) -> str:
    target = "" if file.stem == "__init__" else f":{file.stem}"
    return f"//{file.parent.relative_to(ROOT)}{target}"


def _from(file: Path, labels: set[str]) -> list[str]:
    """Sorts labels, those of the file's own folder first and in their short form."""
    here = f"//{file.parent.relative_to(ROOT)}"
    own = {here: f":{file.parent.name}"}
    short = (own.get(label, label.replace(f"{here}:", ":")) for label in labels)
    return sorted(short, key=lambda label: (not label.startswith(":"), label))


def imported_files(file: Path) -> Iterator[Path]:
    """Yields the files of this repository that a file imports."""
    for node in ast.walk(_parsed(file)):
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


def _named_targets(file: Path) -> Iterator[str]:
    for text in _constants(file):
        if text in ("tools", "zoo"):
            yield f"//{text}"
        elif text.startswith(("tools/", "zoo/")) and (ROOT / text).is_file():
            yield _label(ROOT / text)


def _constants(file: Path) -> set[str]:
    nodes = ast.walk(_parsed(file))
    return {n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str)}


@cache
def _parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text(), str(file))


if __name__ == "__main__":
    for path, text in all_build_files().items():
        path.write_text(text)
