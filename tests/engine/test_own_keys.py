"""The keys of a manager's own tokens, by its options: where they are, and what signs."""

from typing import Any

import pytest

from flask_signet import Key
from flask_signet.engine.own_keys import key_rules, own_keys
from flask_signet.exceptions import ConfigurationError
from flask_signet.keys.given import GivenPair, GivenSecrets
from flask_signet.keys.live import LiveKeys
from flask_signet.keys.own import Keys
from flask_signet.keys.schedule import KeySchedule, TimedKey
from flask_signet.options.reader import OptionReader, set_defaults
from flask_signet.options.table import Settings
from flask_signet.stores.memory import MemoryStore
from tests.jose import keys

RSA = Key.from_cryptography(keys.private("RS256"), "RS256", kid=None)
SECRET, OTHER = keys.private("HS256", 1), keys.private("HS256", 2)
NOW = 1_700_000_000.0


def settings(prefix: str = "JWT_", **options: Any) -> Settings:
    config = {f"{prefix}{name}": value for name, value in options.items()}
    set_defaults(config, prefix)
    reader = OptionReader(prefix)
    return reader.check(reader.snapshot(config))


def own(
    prefix: str = "JWT_",
    flask_keys: tuple[Any, Any] = (None, None),
    store: Any = None,
    **options: Any,
) -> Keys:
    return own_keys(
        settings(prefix, **options),
        prefix,
        flask_keys=flask_keys,
        store=lambda: store,
        clock=lambda: NOW,
    )


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({}, GivenSecrets),
        ({"SECRET_KEY": SECRET}, GivenSecrets),
        ({"ALGORITHM": "ES256"}, GivenPair),
        ({"KEYS": [RSA]}, LiveKeys),
        ({"KEYS": [RSA], "ALGORITHM": "ES256"}, LiveKeys),
    ],
)
def test_the_options_say_where_the_keys_are(options: dict[str, Any], kind: type) -> None:
    """JWT_KEYS wins; else JWT_ALGORITHM says whether a secret signs or a private key."""
    assert type(own(**options)) is kind


@pytest.mark.parametrize(
    ("options", "given"),
    [
        ({}, False),
        ({"SECRET_KEY": ""}, False),
        ({"SECRET_KEY": SECRET}, True),
        ({"flask_keys": (SECRET, None)}, True),
        ({"flask_keys": (SECRET, None), "ALGORITHM": "RS256"}, False),
        ({"ALGORITHM": "RS256", "PRIVATE_KEY": RSA}, True),
        ({"ALGORITHM": "RS256", "PUBLIC_KEY": RSA.public_key()}, True),
        ({"ALGORITHM": "RS256", "SECRET_KEY": SECRET}, False),
        ({"KEYS": "store:", "SESSION_STORE": "memory://"}, True),
    ],
)
def test_whether_there_are_any(options: dict[str, Any], given: bool) -> None:
    """Where no option names a key, only other issuers' tokens are taken."""
    found = own(**options)
    assert found.are_given is given
    if not given:
        assert found.published(NOW) == []


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, 'JWT_SECRET_KEY or flask SECRET_KEY must be set when using symmetric algorithm "HS'),
        ({"prefix": "MY_"}, 'MY_SECRET_KEY must be set when using symmetric algorithm "HS256"'),
        (
            {"ALGORITHM": "RS256", "PUBLIC_KEY": RSA.public_key()},
            'JWT_PRIVATE_KEY must be set to use asymmetric cryptography algorithm "RS256"',
        ),
        (
            {"ALGORITHM": "RS256", "PRIVATE_KEY": RSA.public_key()},
            "JWT_PRIVATE_KEY is a public key: it can't sign",
        ),
        ({"KEYS": [RSA.public_key()]}, "JWT_KEYS has no key that signs, or none yet"),
        ({"KEYS": [TimedKey(RSA, NOW + 1)]}, "JWT_KEYS has no key that signs, or none yet"),
        ({"flask_keys": (SECRET, "text")}, "SECRET_KEY_FALLBACKS takes None or a list of secrets"),
    ],
)
def test_what_is_missing_to_sign(options: dict[str, Any], says: str) -> None:
    """The error names the option to set."""
    with pytest.raises(ConfigurationError) as caught:
        own(**options).signing_key()
    assert str(caught.value).startswith(says)


def test_the_key_that_signs() -> None:
    """A secret, Flask's secret, a private key, the first of JWT_KEYS."""
    mac = Key.from_secret(SECRET).sign(b"text")
    assert own(SECRET_KEY=SECRET, flask_keys=(OTHER, None)).signing_key().sign(b"text") == mac
    assert own(flask_keys=(SECRET, [OTHER])).signing_key().sign(b"text") == mac
    pair = own(ALGORITHM="RS256", PRIVATE_KEY=RSA, PUBLIC_KEY=Key.generate("RS256").public_key())
    assert pair.signing_key() is RSA
    assert RSA not in pair.ring()  # its other half is not among what verifies
    assert own(KEYS=[RSA, Key.generate("ES256")]).signing_key() is RSA


def test_a_ring_is_built_once_and_when_it_is_asked_for() -> None:
    """Options may name a key that comes later: nothing is read before the first use."""
    found = own(SECRET_KEY=5)
    with pytest.raises(ConfigurationError, match=r"^JWT_SECRET_KEY: "):
        found.ring()
    good = own(SECRET_KEY=SECRET, SECRET_KEY_FALLBACKS=[OTHER])
    assert good.ring() is good.ring()
    assert len(good.ring()) == 2


def test_what_is_published() -> None:
    """Public keys alone, whoever keeps them; of live keys the next one too, and no retired one."""
    assert own(SECRET_KEY=SECRET).published(NOW) == []
    (jwk,) = own(ALGORITHM="RS256", PRIVATE_KEY=RSA).published(NOW)
    assert jwk["kid"] == RSA.thumbprint()
    assert "d" not in jwk
    following = Key.generate("ES256")
    gone = TimedKey(Key.generate("ES256"), 0, NOW)
    found = own(KEYS=[RSA, TimedKey(following, NOW + 60), gone, Key.generate("HS256", kid="s")])
    assert [jwk["kid"] for jwk in found.published(NOW)] == [RSA.thumbprint(), following.kid]


def test_live_keys_follow_the_store() -> None:
    """Keys in the session store are read from it, by the clock that is given."""
    store = MemoryStore()
    found = own(KEYS="store:", SESSION_STORE=store, store=store)
    assert isinstance(found, LiveKeys)
    with pytest.raises(ConfigurationError, match="flask jwt keys generate"):
        found.ring()
    key = Key.generate("ES256")
    found.source.load()
    found.source.save(KeySchedule([TimedKey(key, NOW)]), KeySchedule())
    assert found.signing_key().kid == key.kid
    assert [each.key.kid for each in found.schedule()] == [key.kid]


@pytest.mark.parametrize(
    ("algorithm", "others", "accepted"),
    [
        ("HS256", None, ("HS256",)),
        ("HS256", ["HS512", "HS256"], ("HS256", "HS512")),
        ("HS256", ["RS256", "unheard-of", "HS384"], ("HS256", "HS384")),
        ("RS256", ["HS256", "ES256"], ("RS256", "ES256")),
    ],
)
def test_a2_the_algorithms_are_of_one_kind(
    algorithm: str, others: list[str] | None, accepted: tuple[str, ...]
) -> None:
    """The one that signs stands first; HS algorithms and the others are never in one set."""
    rules = key_rules(settings(ALGORITHM=algorithm, DECODE_ALGORITHMS=others))
    assert (rules.algorithm, rules.algorithms) == (algorithm, accepted)


@pytest.mark.parametrize(
    ("options", "listed"),
    [
        ({"DECODE_ALGORITHMS": ["HS512"]}, ()),
        ({"KEYS": [RSA]}, ()),
        ({"KEYS": [RSA], "DECODE_ALGORITHMS": ["RS256"]}, ("RS256",)),
        ({"KEYS": [RSA], "DECODE_ALGORITHMS": ["ES256", "RS256"]}, ("ES256", "RS256")),
    ],
)
def test_a3_a_list_of_algorithms_is_for_the_key_ring_too(
    options: dict[str, Any], listed: tuple[str, ...]
) -> None:
    """JWT_DECODE_ALGORITHMS is the whole list for JWT_KEYS, and any algorithm where it is unset."""
    assert key_rules(settings(**options)).listed == listed


@pytest.mark.parametrize("profile", ["compatible", "strict"])
def test_a2_strict_keeps_to_one_kind(profile: str) -> None:
    """The strict profile asks for a ring of one kind."""
    assert key_rules(settings(PROFILE=profile)).one_kind is (profile == "strict")


@pytest.mark.parametrize("value", [True, False])
def test_the_rules_say_what_the_options_say(value: bool) -> None:
    """Whether weak keys are taken, and whether keys are named."""
    rules = key_rules(settings(ALLOW_WEAK_KEYS=value, ENCODE_KID=value))
    assert (rules.allow_weak, rules.names_keys) == (value, value)
