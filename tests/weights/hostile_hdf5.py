"""Parts of HDF5 files that have other files read."""

import h5py
import numpy as np


def external_link(file, name, folder):
    with h5py.File(folder / "other.h5", "w") as other:
        other["secret"] = np.ones(3)
    file[name] = h5py.ExternalLink(str(folder / "other.h5"), "secret")


def soft_link(file, name, folder):
    file[name] = h5py.SoftLink("/")


def external_storage(file, name, folder):
    (folder / "secret").write_bytes(b"secret" * 4)
    file.create_dataset(name, (6,), "f4", external=[(str(folder / "secret"), 0, 24)])


def virtual_dataset(file, name, folder):
    layout = h5py.VirtualLayout(shape=(3,), dtype="f4")
    layout[:] = h5py.VirtualSource(str(folder / "other.h5"), "secret", shape=(3,))
    file.create_virtual_dataset(name, layout)


# What puts such a part into a file of a folder -> what is said of it.
OUTSIDE = {
    external_link: "is a link to somewhere else",
    soft_link: "is a link to somewhere else",
    external_storage: "keeps its numbers in other files",
    virtual_dataset: "keeps its numbers in other files",
}
