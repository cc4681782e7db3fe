"""An object store for tests: addresses store://... are files below a folder."""

import contextlib
import os


@contextlib.contextmanager
def object_store(folder):
    """Lets Beam find objects of store:// below a folder while it is open."""
    from apache_beam.io.filesystems import FileSystems
    from apache_beam.io.localfilesystem import LocalFileSystem

    def inside(address):
        return os.path.join(folder, address.removeprefix("store://"))

    class Store(LocalFileSystem):
        """Has no folders of its own: they appear with the first object in them."""

        @classmethod
        def scheme(cls):
            return "store"

        def _list(self, dir_or_prefix):
            for root, _, files in os.walk(folder):
                for name in files:
                    metadata = self.metadata(f"store://{os.path.relpath(f'{root}/{name}', folder)}")
                    if metadata.path.startswith(dir_or_prefix):
                        yield metadata

        def metadata(self, path):
            found = super().metadata(inside(path))
            return type(found)(path, found.size_in_bytes, found.last_updated_in_seconds)

        def has_dirs(self):
            return False

        def exists(self, path):
            return os.path.isfile(inside(path))

        def open(self, path, *arguments, **options):
            return super().open(inside(path), *arguments, **options)

        def create(self, path, *arguments, **options):
            if path.startswith("store://forbidden/"):
                raise OSError("no such bucket")
            os.makedirs(os.path.dirname(inside(path)), exist_ok=True)
            return super().create(inside(path), *arguments, **options)

        def delete(self, paths):
            super().delete([inside(path) for path in paths])

        def split(self, path):
            head, _, tail = path.rpartition("/")
            return head, tail

    found = FileSystems.get_filesystem
    try:
        FileSystems.get_filesystem = classmethod(
            lambda cls, path: Store(None) if path.startswith("store://") else found(path)
        )
        yield
    finally:
        FileSystems.get_filesystem = found
