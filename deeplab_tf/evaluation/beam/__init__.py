"""Labelling on a cluster, by Apache Beam; docs/beam.md."""

from deeplab_tf.evaluation.beam.label_record import LabelRecord
from deeplab_tf.evaluation.beam.record_files import read_label_records

__all__ = ["LabelRecord", "read_label_records"]
