"""One HTML page that shows the metrics of an evaluation and its best and worst images."""

from deeplab_tf.evaluation.report.report import Report
from deeplab_tf.evaluation.report.settings import describe_run

__all__ = ["Report", "describe_run"]
