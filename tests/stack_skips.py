"""The tests that a stack, or both, cannot run; any other skip fails the session.

Test ids are pytest's, without the part in brackets for all cases of a test.
"""

PAGE_TESTS = (
    "test_an_upload_is_labelled",
    "test_opacity_changes_the_picture_and_asks_the_server_nothing",
    "test_crf_parameters_are_live_and_spare_the_network",
    "test_visitors_do_not_see_each_others_photos",
    "test_an_example_is_labelled",
    "test_no_photo_is_a_message_and_the_next_one_is_labelled",
    "test_too_many_pixels_and_too_many_bytes_are_messages",
    "test_nothing_left_the_machine_and_nothing_went_wrong",
)

# Stack -> {test id: why it cannot run there}.
STACK_SKIPS: dict[str, dict[str, str]] = {
    "current": {},
    "legacy": {
        f"tests/demo/test_page.py::{test}": "the web page is for the current stack only"
        for test in PAGE_TESTS
    },
}

# Test id -> package that neither stack brings; where it is installed the test runs.
NEEDED_PACKAGES = {
    "tests/benchmarks/test_predict.py::test_both_networks_give_the_same_scores": "torch",
}
