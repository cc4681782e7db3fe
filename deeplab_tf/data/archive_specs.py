"""The classes of the archives whose classes are fixed, without their files."""

from __future__ import annotations

from deeplab_tf.data.sources import (
    camvid,
    cityscapes,
    pascal_context,
    person_part,
    sbd,
    voc12,
)
from deeplab_tf.data.spec import DatasetSpec

# Row of `SOURCES` -> what its conversion writes as dataset.json.
SPECS: dict[str, DatasetSpec] = {
    "voc12": voc12.SPEC,
    "sbd": sbd.SPEC,
    "pascal_context": pascal_context.SPEC,
    "person_part": person_part.SPEC,
    "cityscapes": cityscapes.SPEC,
    "camvid": camvid.SPEC,
}
