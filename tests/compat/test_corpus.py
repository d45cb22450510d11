"""Thousands of mutated requests: the same answer from both, or a difference with a reason."""

from collections import Counter

import pytest

from tests.compat.allowed import DIFFERENCES, Difference
from tests.compat.corpus import Case, corpus
from tests.compat.harness import SELF_CHECK, Answer, Both, check_challenge, same

OUTCOMES = ("status", "body", "headers", "cookies")


@pytest.fixture(scope="module")
def answers() -> list[tuple[Case, Answer, Answer]]:
    """Every case of the corpus, asked of both."""
    both = {
        where: Both({"JWT_TOKEN_LOCATION": [where]})
        for where in ("headers", "cookies", "query_string", "json")
    }
    return [(case, *both[case.where].ask_each(**case.arguments())) for case in corpus()]


def differ(theirs: Answer, ours: Answer) -> bool:
    return not all(same(getattr(theirs, name), getattr(ours, name)) for name in OUTCOMES)


def explanations(case: Case, theirs: Answer, ours: Answer) -> list[Difference]:
    return [row for row in DIFFERENCES if row.applies(case, theirs, ours)]


def test_no_difference_is_unexplained(answers: list[tuple[Case, Answer, Answer]]) -> None:
    """Where the answers differ, a row of allowed.py says why."""
    unexplained = [
        f"{case.name}: FJE {theirs.status} {theirs.body!s:.90} | ours {ours.status} "
        f"{ours.body!s:.90} {ours.error or ''} | {case.token[:60]}"
        for case, theirs, ours in answers
        if differ(theirs, ours) and not explanations(case, theirs, ours)
    ]
    assert not unexplained, f"{len(unexplained)} of {len(answers)}:\n" + "\n".join(unexplained[:60])


@pytest.mark.skipif(SELF_CHECK, reason="FJE does not differ from itself")
def test_every_allowed_difference_is_seen(answers: list[tuple[Case, Answer, Answer]]) -> None:
    """A row that explains nothing is stale and must go."""
    used = Counter(
        row.name
        for case, theirs, ours in answers
        if differ(theirs, ours)
        for row in explanations(case, theirs, ours)[:1]
    )
    assert set(used) == {row.name for row in DIFFERENCES}, used


@pytest.mark.skipif(SELF_CHECK, reason="FJE does answer 500")
def test_no_request_of_the_corpus_is_a_500(answers: list[tuple[Case, Answer, Answer]]) -> None:
    """Ours answers all of them, and each 401 with a challenge; FJE fails on some."""
    assert [case.name for case, _, ours in answers if ours.status >= 500] == []
    assert any(theirs.status == 500 for _, theirs, _ in answers)
    for case, _, ours in answers:
        check_challenge(ours, case.name)


@pytest.mark.skipif(SELF_CHECK, reason="FJE does let them in")
def test_ours_lets_in_nothing_that_fje_refuses(answers: list[tuple[Case, Answer, Answer]]) -> None:
    """Stricter, never laxer: but for the int subject, which is let in on purpose."""
    laxer = [
        (case, explanations(case, theirs, ours))
        for case, theirs, ours in answers
        if ours.status == 200 and theirs.status in (400, 401, 422)
    ]
    assert [case.name for case, rows in laxer if rows[0].name != "int subject"] == []


def test_the_corpus_is_large_and_varied(answers: list[tuple[Case, Answer, Answer]]) -> None:
    """Some thousands, of which a good part is let in and the rest refused in many ways."""
    texts = {str(theirs.body) for _, theirs, _ in answers if theirs.status >= 400}
    statuses = Counter(theirs.status for _, theirs, _ in answers)
    assert len(answers) > 3000
    assert statuses[200] > 200
    assert statuses[401] > 200
    assert statuses[422] > 1000
    assert len(texts) > 60


def test_a_case_is_not_explained_by_accident() -> None:
    """The rows ask for what they name: an ordinary refusal against an acceptance fits none."""
    case = Case("made up", "")
    accepted = Answer(200, {}, (), (), None)
    for text in ("Signature verification failed", "Not enough segments", "Token has expired"):
        refused = Answer(422, {"msg": text}, (), (), None)
        assert explanations(case, accepted, refused) == []
        assert explanations(case, refused, accepted) == []
