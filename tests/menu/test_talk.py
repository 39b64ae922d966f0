"""Questions: a wrong answer is told what is allowed and asked again."""

from __future__ import annotations

import pytest
from menu_tiny import Person, ctrl_c

from latens.errors import Interrupted, LatensError, UsageError
from latens.menu.talk import Whole


@pytest.mark.parametrize("wrong", ["", "three", "-3", "0", "101", "3.5", "9" * 12, "3x3"])
def test_a_wrong_answer_is_told_and_asked_again(wrong: str) -> None:
    person = Person(wrong, "5")
    assert person.talk.whole("How many", Whole(1, 100)) == 5
    assert f"Expected a whole number from 1 to 100; got {wrong!r}." in person.text
    assert person.heard.count("How many: ") == 2


@pytest.mark.parametrize("side", ["3", " 3 ", "3x3", "3 x 3", "3X3", "3×3"])
def test_a_square_kernel_has_one_side(side: str) -> None:
    assert Person(side).talk.whole("Size", Whole(1, 9, square=True)) == 3


@pytest.mark.parametrize("other", ["3x4", "3x", "x3", "33x33"])
def test_other_kernels_are_asked_again(other: str) -> None:
    person = Person(other, "2")
    assert person.talk.whole("Size", Whole(1, 9, square=True)) == 2
    assert other in person.text


def test_an_empty_answer_takes_the_default() -> None:
    person = Person("", "7")
    assert person.talk.whole("How many", Whole(1, 9), 4) == 4
    assert person.heard == ["How many [4]: "]
    assert person.talk.whole("How many", Whole(1, 9), 4) == 7


def test_a_menu_is_numbered_from_one() -> None:
    person = Person("3", "two", "2")
    assert person.talk.choose("Which?", ["this", "that"]) == 1
    assert "Which?\n\n1 - this\n2 - that" in person.text
    assert person.text.count("Expected a whole number from 1 to 2") == 2


def test_an_empty_path_goes_back() -> None:
    assert Person("").talk.path("Where", str.upper) is None
    assert Person("a").talk.path("Where", str.upper) == "A"


def test_what_cannot_be_meant_is_told_with_its_mend() -> None:
    def read(answer: str) -> str:
        if answer == "bad":
            raise UsageError("Expected a good one; got bad.", hint="Type good.")
        return answer

    person = Person("bad", "good")
    assert person.talk.until("Which", read) == "good"
    assert "Expected a good one; got bad. Type good." in person.text


def test_the_end_of_input_and_ctrl_c_pass() -> None:
    with pytest.raises(EOFError):
        Person().talk.whole("How many", Whole(1, 9))
    with pytest.raises(KeyboardInterrupt):
        Person(ctrl_c).talk.whole("How many", Whole(1, 9))


def test_a_stop_is_no_wrong_answer() -> None:
    def read(answer: str) -> str:
        raise Interrupted("Stopped.")

    with pytest.raises(LatensError, match="Stopped"):
        Person("x", "y").talk.until("Which", read)
