"""Silence is waited for, not for ever, and not counted while somebody launches."""

from incumbent.lifecycle.posix.patience import Patience


def test_a_silence_as_long_as_the_patience_is_too_long():
    patience = Patience(0.0)
    assert not patience.is_over(1.0)
    patience.silent(under_way=False)
    assert patience.is_over(0.0)


def test_what_will_be_too_long_with_the_next_question_is_so_now():
    patience = Patience(10.0)
    patience.silent(under_way=False)
    assert patience.is_over(10.0)
    assert not patience.is_over(1.0)


def test_an_answer_ends_a_silence():
    patience = Patience(0.0)
    patience.silent(under_way=False)
    patience.answered()
    assert not patience.is_over(1.0)


def test_a_silence_goes_on_where_nobody_launches_and_begins_anew_where_somebody_does():
    patience = Patience(10.0)
    patience.silent(under_way=False)
    patience._since -= 9.5
    patience.silent(under_way=False)
    assert patience.is_over(1.0)
    patience.silent(under_way=True)
    assert not patience.is_over(1.0)
