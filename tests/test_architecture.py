import re

import pytest

from tests.imports import ROOT, imported_files

# docs/architecture.md: a folder imports only from itself and from those before it.
FLOW = (
    "version.py",
    "start_up.py",
    "compat.py",
    "precision.py",
    "data",
    "crf",
    "layers",
    "backbones",
    "heads",
    "weights",
    "models",
    "pretrained",
    "evaluation",
    "tuning",
    "training",
    "losses",
    "metrics",
    "export",
    "serving",
    "demo",
    "cli",
    "programs",
)
PACKAGE = ROOT / "deeplab_tf"
ARCHITECTURE = (ROOT / "docs/architecture.md").read_text()
# Named as what one makes or is given, not as what there is.
EXAMPLES = {"zoo/DATASET_VARIANT.py", "images/", "masks/"}


# A trained network as a source of weights has to be loaded, and networks load weights: the imports
# wait until it is called.
AGAINST_THE_FLOW = {
    ("weights/trained_model.py", "models/loading.py"),
    ("weights/trained_model.py", "models/new_classifier.py"),
    ("weights/preset.py", "pretrained/open_network.py"),
    ("weights/preset.py", "pretrained/trained_presets.py"),
}


@pytest.mark.parametrize("place", FLOW)
def test_imports_follow_the_flow(place):
    allowed = FLOW[: FLOW.index(place) + 1]
    found = PACKAGE / place
    for file in [found] if found.is_file() else sorted(found.glob("**/*.py")):
        for other in imported_files(file):
            pair = (str(file.relative_to(PACKAGE)), str(other.relative_to(PACKAGE)))
            in_flow = other.relative_to(PACKAGE).parts[0] in allowed
            assert in_flow or pair in AGAINST_THE_FLOW, f"{file} imports {other}"


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


def listed_files():
    """Yields the paths of the tree in docs/architecture.md; lines are indented by their depth."""
    tree = re.search(r"^```\n(.*?)^```$", ARCHITECTURE, re.S | re.M)[1]
    folders = []
    for line in tree.splitlines():
        name = line.split()[0]
        depth = (len(line) - len(line.lstrip())) // 2
        folders[depth:] = [name]
        yield "".join(folders)


def test_the_page_lists_every_file():
    listed = list(listed_files())
    package = {path for path in listed if path.startswith("deeplab_tf/") and path.endswith(".py")}
    files = {str(p.relative_to(ROOT)) for p in PACKAGE.glob("**/*.py") if p.name != "__init__.py"}
    assert package == files and len(listed) == len(set(listed))
    assert all((ROOT / path).is_dir() for path in listed if path.endswith("/"))


def test_the_page_lists_folders_in_the_order_of_imports():
    tops = [
        path.split("/")[1] for path in listed_files() if re.fullmatch(r"deeplab_tf/[^/]+/?", path)
    ]
    assert tuple(tops) == FLOW


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "docs/architecture.md", "docs/extending.md"])
def test_paths_that_pages_name_exist(page):
    text = re.sub(r"^```.*?^```$", "", (ROOT / page).read_text(), flags=re.S | re.M)
    paths = re.findall(r"`((?:[\w.-]+/)+(?:[\w-]+\.\w+)?|[\w-]+\.(?:py|md|cfg))`", text)
    places = (ROOT, PACKAGE, ROOT / "docs")
    missing = [path for path in paths if not any((place / path).exists() for place in places)]
    assert len(paths) > 10 and set(missing) <= EXAMPLES


def test_bazel_looks_into_no_environment():
    """TensorFlow's wheel holds BUILD files, which end every build that finds them."""
    made = re.findall(r"-m venv (\S+)", (ROOT / "Makefile").read_text())
    ignored = (ROOT / ".bazelignore").read_text().split()
    assert made and set(made) <= set(ignored)
