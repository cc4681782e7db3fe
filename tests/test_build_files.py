from tests.build_files import FOLDERS, ROOT, all_build_files


def test_build_files_agree_with_the_imports():
    on_disk = {path: path.read_text() for top in FOLDERS for path in (ROOT / top).rglob("BUILD")}
    wanted = all_build_files()
    stale = {path for path in on_disk | wanted if on_disk.get(path) != wanted.get(path)}
    assert not stale, "run `make build-files`, and remove BUILD files of folders without code"
