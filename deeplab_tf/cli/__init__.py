"""What the programs share: running, flags, errors in one line."""

from deeplab_tf.cli.flags import (
    advise_precision,
    build_predictor,
    crf_parameters,
    define_crf_flag,
    define_data_dir_flag,
    define_input_flag,
    define_model_flag,
    define_overwrite_flag,
    define_path_flag,
    define_paths_flag,
    define_place_flag,
    define_prediction_flags,
    define_shard_flag,
    define_text_flag,
    prediction_options,
)
from deeplab_tf.cli.program import complain, print_labelled, progress_bar, run, run_program

__all__ = [
    "advise_precision",
    "build_predictor",
    "complain",
    "crf_parameters",
    "define_crf_flag",
    "define_data_dir_flag",
    "define_input_flag",
    "define_model_flag",
    "define_overwrite_flag",
    "define_path_flag",
    "define_paths_flag",
    "define_place_flag",
    "define_prediction_flags",
    "define_shard_flag",
    "define_text_flag",
    "prediction_options",
    "print_labelled",
    "progress_bar",
    "run",
    "run_program",
]
