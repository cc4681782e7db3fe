"""A pickle is a program; this reads one and runs none of it but the making of plain values."""

from __future__ import annotations

import pickle
import pickletools
from typing import Any, BinaryIO, ClassVar

# What pickle's protocol 2 writes of dicts, lists, tuples and numbers.
OPCODES = frozenset({
    "PROTO", "STOP", "MARK", "GLOBAL", "REDUCE", "BUILD", "BINPERSID", "BINPUT", "LONG_BINPUT",
    "BINGET", "LONG_BINGET", "NONE", "NEWTRUE", "NEWFALSE", "BININT", "BININT1", "BININT2",
    "LONG1", "BINFLOAT", "BINUNICODE", "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3",
    "EMPTY_LIST", "APPEND", "APPENDS", "EMPTY_DICT", "SETITEM", "SETITEMS",
})  # fmt: skip


class PlainUnpickler(pickle.Unpickler):
    """Refuses the opcodes and names that the files of one writer do not have.

    Args:
        file: opened for reading bytes; more than the pickle may follow.
        **options: of `pickle.Unpickler`.

    Attributes:
        opcodes: names of pickle's opcodes that the writer uses.
        writer: what the messages call it.
        refusal: the end of the message about a name that is none of `stand_ins`.
    """

    opcodes: ClassVar[frozenset[str]] = OPCODES
    writer: ClassVar[str]
    refusal: ClassVar[str]

    def __init__(self, file: BinaryIO, **options: Any):
        super().__init__(file, **options)
        self._file = file

    def stand_ins(self) -> dict[tuple[str, str], Any]:
        """Returns what stands for a module's name, for all names that a pickle may ask for."""
        raise NotImplementedError

    def load(self) -> Any:
        """Returns the object of the next pickle in the file."""
        start = self._file.tell()
        for opcode, argument, place in pickletools.genops(self._file):
            # Opcodes that allocate what they declare, places of the memo among them.
            too_large = opcode.name == "LONG_BINPUT" and int(argument or 0) > int(place or 0)
            if opcode.name not in self.opcodes or too_large:
                raise pickle.UnpicklingError(
                    f"it has {opcode.name} {argument!r:.20} at byte {place}, which {self.writer} "
                    "does not write by default"
                )
        self._file.seek(start)
        return super().load()

    def find_class(self, module: str, name: str) -> Any:
        """Returns what stands for a name of the pickle; refuses all but the known ones."""
        known = self.stand_ins()
        if (module, name) not in known:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, {self.refusal}")
        return known[module, name]
