"""One HTML page that shows the metrics of an evaluation and its best and worst images."""

from deeplab_tf.evaluation.report.report import Report, describe_run

__all__ = ["Report", "describe_run"]
