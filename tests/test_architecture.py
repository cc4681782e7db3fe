import pytest

from tests.imports import ROOT, imported_files

# docs/architecture.md: a folder imports only from itself and from those before it.
FLOW = (
    "version.py",
    "start_up.py",
    "compat.py",
    "data",
    "crf",
    "layers",
    "backbones",
    "heads",
    "models",
    "weights",
    "evaluation",
    "tuning",
    "training",
    "export",
    "serving",
    "demo",
    "cli",
    "programs",
)
PACKAGE = ROOT / "deeplab_tf"


@pytest.mark.parametrize("place", FLOW)
def test_imports_follow_the_flow(place):
    allowed = FLOW[: FLOW.index(place) + 1]
    found = PACKAGE / place
    for file in [found] if found.is_file() else sorted(found.glob("**/*.py")):
        for other in imported_files(file):
            assert other.relative_to(PACKAGE).parts[0] in allowed, f"{file} imports {other}"


def test_every_folder_has_its_place():
    folders = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()}
    assert folders <= set(FLOW)


def test_the_package_imports_neither_tests_nor_benchmarks():
    for file in sorted(PACKAGE.glob("**/*.py")):
        outside = {other for other in imported_files(file) if PACKAGE not in other.parents}
        assert not outside, f"{file} imports {outside}"


def test_a_files_name_occurs_once():
    """A program is called as its command, whatever the file is called that does the work."""
    names = [path.name for path in PACKAGE.glob("**/*.py") if path.parent.name != "programs"]
    repeated = {name for name in names if names.count(name) > 1}
    assert repeated == {"__init__.py"}
