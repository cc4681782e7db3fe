import sys

import pytest

from deeplab_tf.cli.table_keys import table_keys
from deeplab_tf.data.sources import SOURCES
from deeplab_tf.export.formats import FORMATS

TABLES = {
    "deeplab_tf.data.sources": ("SOURCES", SOURCES),
    "deeplab_tf.export.formats": ("FORMATS", FORMATS),
}


@pytest.mark.parametrize("module", TABLES)
def test_the_keys_of_the_text_are_those_of_the_table(module, monkeypatch):
    table, rows = TABLES[module]
    assert table_keys(module, table) == list(rows)
    monkeypatch.delitem(sys.modules, module)
    assert table_keys(module, table) == list(rows)


def test_rows_that_were_added_are_there(monkeypatch):
    monkeypatch.setitem(FORMATS, "toy", None)
    assert "toy" in table_keys("deeplab_tf.export.formats", "FORMATS")


def test_a_table_that_is_not_there():
    with pytest.raises(LookupError, match=r"deeplab_tf.version has no ROWS = \{"):
        table_keys("deeplab_tf.version", "ROWS")
