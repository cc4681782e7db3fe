"""The tests that a stack, or both, cannot run; any other skip fails the session.

Test ids are pytest's, without the part in brackets for all cases of a test.
"""

_LIGHT_FORMATS = (
    "tests/export/test_litert.py::test_labels_are_the_models",
    "tests/export/test_litert.py::test_logits_are_there_under_their_old_name",
    "tests/export/test_litert.py::test_smaller_numbers_make_smaller_files",
    "tests/export/test_litert.py::test_atrous_convolutions_stay_one_operator",
    "tests/export/test_litert.py::test_int8_has_a_factor_for_every_channel",
    "tests/export/test_litert.py::test_data_set_lies_in_the_file",
    "tests/export/test_litert.py::test_scales_and_mirror_are_the_predictors",
    "tests/export/test_litert.py::test_normalisation_is_folded",
    "tests/export/test_litert.py::test_what_cannot_be_exported",
    "tests/export/test_litert.py::test_a_file_that_disagrees_is_not_written",
    "tests/export/test_onnx.py::test_labels_are_the_models_at_any_size",
    "tests/export/test_onnx.py::test_takes_batches",
    "tests/export/test_onnx.py::test_export_says_how_far_it_agrees",
    "tests/export/test_onnx.py::test_atrous_convolutions_stay_one_operator",
    "tests/export/test_onnx.py::test_interlaced_convolutions_become_one_operator",
    "tests/export/test_onnx.py::test_data_set_lies_in_the_file",
    "tests/export/test_onnx.py::test_scales_and_mirror_are_the_predictors",
    "tests/export/test_onnx.py::test_normalisation_is_folded_and_the_size_fixed",
    "tests/export/test_onnx.py::test_what_cannot_be_exported",
    "tests/export/test_v3.py::test_litert",
    "tests/export/test_v3.py::test_litert_in_whole_numbers",
    "tests/export/test_v3.py::test_onnx_at_any_size",
    "tests/tools/test_export.py::test_light_formats",
    "tests/test_documented_python.py::test_mobile",
    "tests/benchmarks/test_formats.py::test_every_format_has_its_figures_even_where_labels_differ",
)
_PAGE = (
    "tests/demo/test_gradio_page.py::test_an_upload_is_labelled",
    "tests/demo/test_gradio_page.py::test_opacity_changes_the_image_and_asks_the_server_nothing",
    "tests/demo/test_gradio_page.py::test_crf_parameters_are_live_and_spare_the_network",
    "tests/demo/test_gradio_page.py::test_visitors_do_not_see_each_others_images",
    "tests/demo/test_gradio_page.py::test_an_example_is_labelled",
    "tests/demo/test_gradio_page.py::test_no_image_is_a_message_and_the_next_one_is_labelled",
    "tests/demo/test_gradio_page.py::test_too_many_pixels_and_too_many_bytes_are_messages",
    "tests/demo/test_gradio_page.py::test_nobody_can_take_the_examples_from_others",
    "tests/demo/test_gradio_page.py::test_an_emptied_box_is_no_error",
    "tests/demo/test_gradio_page.py::test_uploads_take_a_limited_room",
    "tests/demo/test_gradio_page.py::test_a_stopped_page_leaves_no_files",
    "tests/demo/test_gradio_page.py::test_nothing_left_the_machine_and_nothing_went_wrong",
)
_TRACKERS = (
    "tests/training/callbacks/test_wandb_run.py::test_wandb_itself_writes_the_run_and_goes_on",
    "tests/training/callbacks/test_mlflow_run.py::test_mlflow_itself_writes_the_run_and_goes_on",
)
_BEAM = (
    "tests/evaluation/beam/test_beam_options.py::test_options_are_handed_on",
    "tests/evaluation/beam/test_beam_options.py::test_workers_on_this_machine_tell_of_the_progress_only",
    "tests/evaluation/beam/test_beam_options.py::test_options_that_only_a_runner_knows_are_handed_on",
    "tests/evaluation/beam/test_beam_options.py::test_what_is_no_option_is_one_line",
    "tests/evaluation/beam/test_beam_pipeline.py::test_images_are_labelled_and_counted",
    "tests/evaluation/beam/test_beam_pipeline.py::test_a_predictor_is_built_once_a_process",
    "tests/evaluation/beam/test_beam_pipeline.py::test_why_a_pipeline_failed_is_one_line",
    "tests/evaluation/beam/test_beam_pipeline.py::test_ctrl_c_in_a_worker_is_one",
    "tests/evaluation/beam/test_beam_pipeline.py::test_model_images_and_labels_may_be_in_an_object_store",
    "tests/evaluation/beam/test_beam_pipeline.py::test_a_list_of_objects_and_shards_in_a_store",
    "tests/evaluation/beam/test_beam_pipeline.py::test_nothing_in_a_store",
    "tests/evaluation/beam/test_storage.py::test_objects_of_a_store",
    "tests/evaluation/beam/test_storage.py::test_an_object_is_never_there_by_half",
    "tests/evaluation/beam/test_storage.py::test_an_object_that_cannot_be_written_is_named",
    "tests/evaluation/beam/test_storage.py::test_a_missing_store_is_one_line",
    "tests/tools/test_predict_beam.py::test_two_processes_label_as_predict_does",
    "tests/tools/test_predict_beam.py::test_one_process_goes_on_where_another_ended",
    "tests/tools/test_predict_beam.py::test_shards_of_records",
    "tests/tools/test_predict_beam.py::test_a_runner_that_does_not_count_is_no_failure",
    "tests/tools/test_predict_beam.py::test_no_label_at_all_is_a_failure",
    "tests/tools/test_predict_beam.py::test_a_misspelt_option_of_beam_is_one_line_before_the_model_is_loaded",
    "tests/tools/test_predict_beam.py::test_documented_options_of_beam_are_known",
)
_PARQUET = (
    "tests/evaluation/beam/test_input_images.py::test_parquet_by_file_pattern_and_folder",
    "tests/evaluation/beam/test_label_shard.py::test_parquet_holds_the_labels_of_every_image_in_order",
    "tests/evaluation/beam/test_parquet_images.py::test_paths_are_below_the_folder_of_the_file",
    "tests/evaluation/beam/test_parquet_images.py::test_bytes_become_the_image_of_their_file",
    "tests/evaluation/beam/test_parquet_images.py::test_bytes_count_where_there_are_paths_too",
    "tests/evaluation/beam/test_parquet_images.py::test_ids_are_names_whole_numbers_too",
    "tests/evaluation/beam/test_parquet_images.py::test_a_part_has_its_rows_only_over_groups_and_files",
    "tests/evaluation/beam/test_parquet_images.py::test_a_path_that_is_missing_is_a_missing_file",
    "tests/evaluation/beam/test_parquet_images.py::test_other_columns_are_refused",
    "tests/evaluation/beam/test_parquet_images.py::test_files_that_cannot_be_read",
    "tests/evaluation/beam/test_record_files.py::test_parquet_gives_the_records_back",
    "tests/evaluation/beam/test_record_files.py::test_parquet_has_plain_columns_and_the_description",
    "tests/evaluation/beam/test_record_files.py::test_other_parquet_is_refused",
)
_CAFFE_RUNTIME = "tests/weights/test_caffe.py::test_logits_are_those_of_opencv"
# Stack -> {test id: why it cannot run there}.
STACK_SKIPS: dict[str, dict[str, str]] = {
    "current": {_CAFFE_RUNTIME: "OpenCV 5, which other packages bring, runs no nets of Caffe"},
    "legacy": {
        **dict.fromkeys(_LIGHT_FORMATS, "LiteRT and ONNX are exported on the current stack"),
        **dict.fromkeys(_PAGE, "the web page is for the current stack only"),
        **dict.fromkeys(_TRACKERS, "W&B and MLflow are installed on the current stack"),
    },
}

# Test id -> package that neither stack brings; where it is installed the test runs.
NEEDED_PACKAGES = {
    # Apache Beam would replace the protobuf of the current stack; `make test-beam` has it.
    **dict.fromkeys(_BEAM, "apache_beam"),
    **dict.fromkeys(_PARQUET, "pyarrow"),
    _CAFFE_RUNTIME: "cv2",
    "tests/benchmarks/test_image_to_labels.py::test_both_networks_give_the_same_logits": "torch",
    "tests/benchmarks/test_precision_suites.py::test_pytorchs_networks_are_the_same": "torch",
    "tests/models/test_v3_parity.py::test_logits_are_those_of_pytorch": "torch",
}
