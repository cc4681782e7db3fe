"""One Bazel test a test file, run by pytest."""

def pytest_files(srcs, smoke, deps, data):
    """Defines `//tests:FOLDER/test_NAME` for every file.

    Args:
      srcs: test files.
      smoke: those of them, without .py, that `--test_tag_filters=smoke` runs.
      deps: libraries that they import.
      data: other files that they read.
    """
    for src in srcs:
        name = src[:-len(".py")]
        native.py_test(
            name = name,
            srcs = [src, "run_pytest.py"],
            main = "run_pytest.py",
            args = ["$(location %s)" % src],
            data = data,
            tags = ["smoke"] if name in smoke else [],
            deps = deps,
        )
