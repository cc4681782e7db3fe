"""One page that shows what a model scored and where it is right and wrong."""

from deeplab_tf.evaluation.report.report import Report
from deeplab_tf.evaluation.report.settings import describe_run

__all__ = ["Report", "describe_run"]
