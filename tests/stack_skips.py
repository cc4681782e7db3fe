"""The tests that one of the two stacks cannot run; any other skip fails the session.

Test ids are pytest's, without the part in brackets for all cases of a test.
"""

# Stack -> {test id: why it cannot run there}.
STACK_SKIPS: dict[str, dict[str, str]] = {
    "current": {},
    "legacy": {},
}
