"""The names under JWT_: misspelt options are errors, the application's own are not."""

from collections.abc import Callable

import pytest
from flask import Flask

from flask_signet import JWTManager
from flask_signet.options.checks import PROFILES
from flask_signet.options.names import UnknownOptionWarning
from tests.applications import application, bare_application
from tests.options.rows import TABLE, refusal


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("ACCESS_TOKEN_EXPIRE", "ACCESS_TOKEN_EXPIRES"),
        ("ACCES_TOKEN_EXPIRES", "ACCESS_TOKEN_EXPIRES"),
        ("SECRETKEY", "SECRET_KEY"),
        ("ALGORITM", "ALGORITHM"),
        ("TOKEN_LOCATIONS", "TOKEN_LOCATION"),
        ("COOKIE_CSFR_PROTECT", "COOKIE_CSRF_PROTECT"),
        ("COOKIE_SAME_SITE", "COOKIE_SAMESITE"),
        ("ACCESS_TOKEN_EXPIRY", "ACCESS_TOKEN_EXPIRES"),
        ("SECRET_KEY_FALLBACK", "SECRET_KEY_FALLBACKS"),
        ("COOKIE_DOMAIN_BEFORE", "COOKIE_DOMAINS_BEFORE"),
        ("TOKENS_LOCATION", "TOKEN_LOCATION"),
        ("DECODE_AUDIENCES", "DECODE_AUDIENCE"),
        ("DECODE_ISSUERS", "DECODE_ISSUER"),
        ("SECRET_KEY_", "SECRET_KEY"),
        # by the words, not by the letters
        ("REFRESH_EXPIRES", "REFRESH_TOKEN_EXPIRES"),
        ("ACCESS_COOKIE_SAMESITE", "COOKIE_SAMESITE"),
        ("ACCESS_TOKEN_COOKIE_NAME", "ACCESS_COOKIE_NAME"),
        ("ENCODE_ALGORITHM", "ALGORITHM"),
    ],
)
@pytest.mark.parametrize("profile", PROFILES)
def test_a_misspelt_option(wrong: str, right: str, profile: str) -> None:
    """A name close to an option's is an error that names the option."""
    message = refusal(PROFILE=profile, **{wrong: 5})
    assert message == f"JWT_{wrong} is no option: did you mean JWT_{right}?"


OWN = {
    # more behind an option's name
    "ACCESS_TOKEN_EXPIRES_HOURS": "ACCESS_TOKEN_EXPIRES",
    "REFRESH_TOKEN_EXPIRES_DAYS": "REFRESH_TOKEN_EXPIRES",
    "ACCESS_TOKEN_EXPIRES_IN": "ACCESS_TOKEN_EXPIRES",
    "PUBLIC_KEY_ID": "PUBLIC_KEY",
    "PRIVATE_KEY_PATH": "PRIVATE_KEY",
    "TOKEN_LOCATION_NAME": "TOKEN_LOCATION",
    "SECRET_KEY_2": "SECRET_KEY",
    # a word of the application's before it
    "ADMIN_SECRET_KEY": "SECRET_KEY",
    "OLD_PUBLIC_KEY": "PUBLIC_KEY",
    "MY_ACCESS_TOKEN_EXPIRES": "ACCESS_TOKEN_EXPIRES",
    # several of what the option has once
    "SECRET_KEYS": "SECRET_KEY",
    "SECRET_KEY2": "SECRET_KEY",
    "ALGORITHMS": "ALGORITHM",
    "HEADER_NAMES": "HEADER_NAME",
}


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", OWN)
@pytest.mark.parametrize("is_set", [True, False])
def test_a_setting_that_is_named_after_an_option(name: str, profile: str, is_set: bool) -> None:
    """It is the application's own, whether the option is set or not: never an error."""
    option = OWN[name]
    options = {option: TABLE[option]["good"][-1][0]} if is_set and option in TABLE else {}
    with pytest.warns(UnknownOptionWarning) as caught:
        application(PROFILE=profile, **options, **{name: 7})
    told = (
        f"JWT_{name} is no option of Flask-Signet: it has no effect here. Did you mean "
        f"JWT_{option}? If it is your own, ignore this"
    )
    assert [str(each.message) for each in caught] == [told]


MEANT = {
    "ACCESS_EXPIRES": "ACCESS_TOKEN_EXPIRES",
    "REFRESH_COOKIE_SECURE": "COOKIE_SECURE",
    "LEEWAY": "DECODE_LEEWAY",
    "SECRET": "SECRET_KEY",
    "CSRF_PROTECT": "COOKIE_CSRF_PROTECT",
    "QUERY_STRING": "QUERY_STRING_NAME",
    "ISSUER": "ENCODE_ISSUER or JWT_DECODE_ISSUER",
    "COOKIE_NAME": "REFRESH_COOKIE_NAME or JWT_ACCESS_COOKIE_NAME",
}


@pytest.mark.parametrize("name", MEANT)
def test_what_an_unknown_name_may_mean(name: str) -> None:
    """A name of our words is told what shares them; it is a warning, as it was."""
    with pytest.warns(UnknownOptionWarning, match=f"here. Did you mean JWT_{MEANT[name]}\\? If it"):
        application(**{name: 5})
    message = refusal(PROFILE="strict", **{name: 5})
    assert message.startswith(f"JWT_{name} is no option; with JWT_PROFILE = 'strict' none may")
    assert message.endswith(f". Did you mean JWT_{MEANT[name]}?")


@pytest.mark.parametrize(
    "name",
    ["MY_SERVICE_URL", "X", "ISSUER_PARTNER", "_PRIVATE", "TTL", "EXPIRATION_DELTA", "EXPIRES"],
)
def test_an_unknown_option(name: str) -> None:
    """Another name under JWT_ is warned of, as it may be the application's; strict refuses it."""
    with pytest.warns(UnknownOptionWarning) as caught:
        application(**{name: 5})
    told = f"JWT_{name} is no option of Flask-Signet: it has no effect here. If it is your own, "
    assert [str(each.message) for each in caught] == [f"{told}ignore this"]
    assert refusal(PROFILE="strict", **{name: 5}).startswith(f"JWT_{name} is no option;")


@pytest.mark.parametrize(
    "name",
    [
        *("BLACKLIST_ENABLED", "BLACKLIST_TOKEN_CHECKS", "CLAIMS_IN_REFRESH_TOKEN"),
        *("CLAIMS_KEY", "USER_CLAIMS"),
    ],
)
@pytest.mark.parametrize("profile", PROFILES)
def test_an_option_of_flask_jwt_extended_3(name: str, profile: str) -> None:
    """An option that is gone since Flask-JWT-Extended 4 is warned of, with what is in its place."""
    message = f"^JWT_{name} has no effect since Flask-JWT-Extended 4: "
    with pytest.warns(UnknownOptionWarning, match=message):
        application(PROFILE=profile, **{name: True})


@pytest.mark.parametrize("name", ["SESSION_COOKIE_NAME", "jwt_algorithm", "MY_JWT_ALGORITM"])
def test_names_of_others_are_left_alone(name: str) -> None:
    """What does not begin with the prefix is not looked at."""
    app = bare_application(PROFILE="strict")
    app.config[name] = 5
    app.config[5] = "no text"  # type: ignore[index]  # Flask does not mind, nor do we
    JWTManager(app)


@pytest.mark.parametrize(
    "start", [JWTManager, lambda app: JWTManager().init_app(app)], ids=["JWTManager", "init_app"]
)
def test_the_warning_points_to_the_application(start: Callable[[Flask], object]) -> None:
    """The warning's place is the line of the application that the manager was given it in."""
    app = bare_application(MINE=5)
    with pytest.warns(UnknownOptionWarning) as caught:
        start(app)
    assert caught[0].filename == __file__


def test_a_warning_comes_once_in_a_process() -> None:
    """A test suite that makes the application hundreds of times is told once of each name."""
    with pytest.warns(UnknownOptionWarning) as caught:
        application(MINE=5, OTHER=5)
    assert len(caught) == 2
    for _ in range(3):
        application(MINE=7, OTHER=5)
    with pytest.warns(UnknownOptionWarning, match=r"^JWT_THIRD is no option"):
        application(MINE=7, OTHER=5, THIRD=5)
