"""The tree of errors is the one that is drawn, and every error says something that may be shown."""

from __future__ import annotations

import inspect
import re

import postroom.errors as errors
from postroom.errors import BadInput, Fault, PostroomError


def _classes() -> dict[str, type[PostroomError]]:
    return {
        name: value
        for name, value in vars(errors).items()
        if inspect.isclass(value) and issubclass(value, PostroomError)
    }


def test_the_drawn_tree_names_every_error_and_nothing_else() -> None:
    drawn = set(re.findall(r"[├└]── (\w+)", errors.__doc__ or "")) | {"PostroomError"}
    assert drawn == set(_classes())


def test_the_drawn_tree_is_indented_like_the_classes_inherit() -> None:
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"(.*)[├└]── (\w+)", line)
        if found:
            depth = len(_classes()[found[2]].__mro__) - len(PostroomError.__mro__)
            assert len(found[1]) // 4 == depth, found[2]


def test_every_error_has_words_a_status_and_a_slug_of_its_own() -> None:
    for name, error in _classes().items():
        assert error.title, name
        assert re.fullmatch(r"[a-z-]+", error.slug), name
        assert 400 <= error.status <= 599, name
    slugs = [error.slug for error in _classes().values()]
    assert len(slugs) == len(set(slugs))


def test_bad_input_tells_every_fault_at_once() -> None:
    faults = [Fault("to", "is empty.", "Name somebody."), Fault("subject", "is odd.", "Mend it.")]
    error = BadInput(faults)
    assert error.faults == tuple(faults)
    assert all(fault.field in str(error) for fault in faults)


def test_all_that_is_promised_to_be_there_is_there() -> None:
    assert all(hasattr(errors, name) for name in errors.__all__)


def test_the_text_of_endless_faults_stays_short_and_says_how_many_there_are() -> None:
    error = BadInput([Fault("x" * 100_000, "is too long.", "y" * 100_000)] * 5_000)
    assert len(error.faults) == 5_000
    assert len(error.text) < 300_000
    assert error.text.endswith("and 4900 more")
