"""What a request brings, and what a guard finds in it: plain values that print no token."""

import pytest

from flask_signet.engine.admission import Admission, Credentials

TEXT, CSRF = "eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJl", "the-csrf-value"


def test_credentials_do_not_print_what_they_hold() -> None:
    """Neither the token nor its CSRF value is in the repr, which may end up in a log."""
    printed = repr(Credentials(TEXT, "cookies", CSRF))
    assert printed == f"{Credentials(TEXT, 'cookies', CSRF)}" == "<Credentials in cookies>"


def test_credentials_are_a_plain_tuple() -> None:
    """Text, location, and no CSRF value unless one must come."""
    assert Credentials(TEXT, "headers") == (TEXT, "headers", None, False)


def test_an_admission_prints_no_claim() -> None:
    """The repr has the location and the issuer, and nothing of the token or of its owner."""
    found = Admission(
        {"kid": "k-name"}, {"sub": "ada"}, "cookies", "ada", issuer="https://other/", user="Ada L."
    )
    assert "cookies" in repr(found)
    assert "https://other/" in repr(found)
    for secret in ("k-name", "ada", "Ada L."):
        assert secret not in repr(found)


def test_without_a_token_there_is_an_answer_and_no_user() -> None:
    """A request that passed without a token has empty claims, no identity, and the user None."""
    found = Admission.without_token()
    assert (found.header, found.claims) == ({}, {})
    assert (found.location, found.identity, found.issuer, found.user) == (None, None, None, None)
    assert found.has_user is True


def test_admissions_share_nothing() -> None:
    """Each request has dictionaries of its own, and an admission equals itself alone."""
    one, other = Admission.without_token(), Admission.without_token()
    one.claims["sub"] = "ada"
    assert other.claims == {}
    assert Admission({}, {}) != Admission({}, {})


def test_an_admission_has_no_other_field() -> None:
    """A misspelt field is an error, not a value that nobody reads."""
    with pytest.raises(AttributeError):
        Admission({}, {}).identitty = "ada"  # type: ignore[attr-defined]
