"""The tests that a stack, or both, cannot run; any other skip fails the session.

Test ids are pytest's, without the part in brackets for all cases of a test.
"""

# Stack -> {test id: why it cannot run there}.
STACK_SKIPS: dict[str, dict[str, str]] = {
    "current": {},
    "legacy": {
        f"tests/export/test_warmup.py::{test}": "the extra `serving` is for the current stack only"
        for test in (
            "test_warm_up_requests_are_answered",
            "test_warm_up_requests_keep_to_the_limit",
        )
    },
}

# Test id -> package that neither stack brings; where it is installed the test runs.
NEEDED_PACKAGES = {
    "tests/benchmarks/test_predict.py::test_both_networks_give_the_same_scores": "torch",
}
