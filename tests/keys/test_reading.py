"""From the key options to keys: every form of them, and every mistake told by its option."""

import hmac
import json
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask

from flask_signet import (
    JWTManager,
    Key,
    create_access_token,
    decode_token,
    get_unverified_jwt_headers,
)
from flask_signet.exceptions import (
    ConfigurationError,
    InvalidAlgorithmError,
    InvalidSignatureError,
    SignetError,
    WeakSecretWarning,
)
from flask_signet.jose import base64url
from flask_signet.jwt.encode import encode
from flask_signet.keys.loaded import LoadedKeys
from flask_signet.keys.reading import KeyRules
from tests.applications import application, bare_application, part, signed
from tests.jose import keys

SECRET, OTHER = keys.private("HS256", 1), keys.private("HS256", 2)
TEXT = keys.private("HS256", 3).hex()
RSA, OTHER_RSA, EC = (keys.private(*which) for which in (("RS256",), ("RS256", 1), ("ES256",)))
RSA_KEY, EC_KEY = keys.key("RS256"), keys.key("ES256")


@contextmanager
def running(**options: Any) -> Iterator[Flask]:
    app = application(**options)
    with app.app_context():
        yield app


def new_token(**options: Any) -> str:
    with running(**options):
        return create_access_token("alice")


def takes(token: str, **options: Any) -> bool:
    """Whether an application with these options takes a token."""
    with running(**options):
        try:
            return decode_token(token)["sub"] == "alice"
        except SignetError:
            return False


def refusal(**options: Any) -> str:
    """The message with which these keys are refused, at their first use at the latest."""
    with pytest.raises(ConfigurationError) as caught:
        new_token(**options)
    return str(caught.value)


def start_refusal(**options: Any) -> str:
    """The message with which init_app refuses these keys."""
    with pytest.raises(ConfigurationError) as caught:
        application(**options)
    return str(caught.value)


def jwk(key: Key, **changes: Any) -> dict[str, Any]:
    """A key as a JWK; a change to ``...`` leaves the member out."""
    members = {**key.to_private_jwk(), **changes}
    return {name: value for name, value in members.items() if value is not ...}


# ── secrets ──────────────────────────────────────────────────────────────────────────────

OCT = jwk(Key.from_secret(SECRET))
SECRETS: dict[str, Any] = {
    "bytes": SECRET,
    "JWK": OCT,
    "JWK without alg": {name: OCT[name] for name in ("kty", "k")},
    "JWK as text": json.dumps(OCT),
    "JWK as bytes": json.dumps(OCT).encode(),
    "JWKS": {"keys": [OCT]},
    "Key": Key.from_secret(SECRET),
    "list": [SECRET],
    "tuple": (SECRET,),
    "list of a Key": [Key.from_secret(SECRET)],
}


@pytest.mark.parametrize("form", SECRETS)
def test_every_form_of_a_secret(form: str) -> None:
    """A secret may be bytes, a JWK, JSON text, a Key or a list: all of them are the same key."""
    token = new_token(SECRET_KEY=SECRETS[form])
    for other in ("bytes", form):
        assert takes(token, SECRET_KEY=SECRETS[other])
    assert not takes(token, SECRET_KEY=OTHER)


def test_a_text_is_its_utf8() -> None:
    """A secret as text is its bytes in UTF-8."""
    for text in (TEXT, "é" * 4 + TEXT):
        assert takes(new_token(SECRET_KEY=text), SECRET_KEY=text.encode())


def test_flasks_secret_key() -> None:
    """Without JWT_SECRET_KEY Flask's SECRET_KEY is the secret; with it, it is not."""
    app = bare_application(SECRET_KEY=None)
    app.config["SECRET_KEY"] = SECRET
    JWTManager(app)
    with app.app_context():
        token = create_access_token("alice")
        assert takes(token, SECRET_KEY=SECRET)
        app.config["JWT_SECRET_KEY"] = OTHER
        assert not takes(create_access_token("alice"), SECRET_KEY=SECRET)
        with pytest.raises(InvalidSignatureError):
            decode_token(token)


@pytest.mark.parametrize("empty", [None, "", b"", [], ()])
def test_a_missing_secret(empty: Any) -> None:
    """An application without a secret hears at the first token what to set and how to make one."""
    with pytest.raises(ConfigurationError) as caught:
        new_token(SECRET_KEY=empty)
    assert str(caught.value) == (
        'JWT_SECRET_KEY or flask SECRET_KEY must be set when using symmetric algorithm "HS256"'
    )
    # The message is Flask-JWT-Extended's to the letter; a traceback shows the notes below it.
    command = re.search(r"python -c '(.*)'", "".join(caught.value.__notes__))
    assert command
    made: list[str] = []
    exec(command[1].replace("print", "made.append"), {"made": made})  # noqa: S102 - our own text
    with running(SECRET_KEY=made[0], PROFILE="strict", ALGORITHM="HS512"):
        create_access_token("alice")


def test_a_secret_may_come_after_init_app() -> None:
    """A secret is needed by the first token, not by init_app."""
    with running(SECRET_KEY=None) as app:
        with pytest.raises(ConfigurationError):
            create_access_token("alice")
        app.config["JWT_SECRET_KEY"] = SECRET
        decode_token(create_access_token("alice"))


def test_several_algorithms_of_one_secret() -> None:
    """A secret serves every HS algorithm that it is long enough for, and JWT_ALGORITHM signs."""
    secret = keys.private("HS256", 4)  # 64 bytes
    token = new_token(SECRET_KEY=secret, ALGORITHM="HS384")
    assert part(token, 0)["alg"] == "HS384"
    assert takes(token, SECRET_KEY=secret, DECODE_ALGORITHMS=["HS512", "HS384"])
    assert not takes(token, SECRET_KEY=secret, DECODE_ALGORITHMS=["HS512"])
    assert takes(token, SECRET_KEY=secret[:48], DECODE_ALGORITHMS=["HS384"]) is False


@pytest.mark.parametrize(
    ("secret", "message"),
    [
        (5, "JWT_SECRET_KEY: an HMAC secret is a non-empty text or some bytes"),
        (object(), "JWT_SECRET_KEY: an HMAC secret is a non-empty text or some bytes"),
        ([5, ""], "JWT_SECRET_KEY: an HMAC secret is a non-empty text or some bytes"),
        ([RSA_KEY, Key.generate("HS512")], "JWT_SECRET_KEY: it is a key for RS256;"),
        (RSA_KEY, "JWT_SECRET_KEY: it is a key for RS256; this application takes HS256"),
        (Key.generate("HS512"), "JWT_SECRET_KEY: it is a key for HS512;"),
        (jwk(RSA_KEY), "JWT_SECRET_KEY: the JWK's alg is not the algorithm given"),
        ({"keys": [jwk(RSA_KEY)]}, "JWT_SECRET_KEY: "),
        ({"keys": [{**OCT, "use": "enc"}]}, "JWT_SECRET_KEY: "),
        ({"kty": "oct"}, "JWT_SECRET_KEY: "),
        ({"keys": []}, "JWT_SECRET_KEY: there is no key in it"),
        ({"keys": "k"}, "JWT_SECRET_KEY: a JWKS has its keys in a list"),
        ({"keys": [5]}, "JWT_SECRET_KEY: "),
        ({"keys": [None]}, "JWT_SECRET_KEY: "),
        ({"keys": ["k"]}, "JWT_SECRET_KEY: "),
        (
            [jwk(Key.generate("HS256", kid="a")), jwk(Key.generate("HS256", kid="a"))],
            "have the kid",
        ),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_a_secret_that_is_none(secret: Any, message: str) -> None:
    """What is no secret is refused by init_app, with the option's name."""
    assert message in start_refusal(SECRET_KEY=secret)


@pytest.mark.parametrize(
    "useless",
    [
        *(RSA_KEY, RSA_KEY.public_key(), Key.generate("HS512"), jwk(RSA_KEY)),
        *({**OCT, "use": "enc"}, {**OCT, "key_ops": ["encrypt"]}, {"kty": "unheard-of"}),
    ],
    ids=lambda value: repr(value)[:30],
)
@pytest.mark.parametrize("first", [True, False])
def test_a_useless_member_is_passed_over(useless: Any, first: bool) -> None:
    """In a list of keys, one that can't serve is passed over (RFC 7517 section 5)."""
    both = [useless, SECRET] if first else [SECRET, useless]
    token = new_token(SECRET_KEY=both)
    assert takes(token, SECRET_KEY=SECRET)
    assert takes(token, SECRET_KEY=both)
    for known in (keys.public_pem(RSA), keys.public_der(RSA)):  # what an attacker has
        forged = hmac_signed({"alg": "HS256"}, {"sub": "alice"}, known)
        assert not takes(forged, SECRET_KEY=both)


@pytest.mark.parametrize(
    "disguise",
    [
        *(
            keys.public_pem(RSA),
            keys.public_pem(RSA).decode(),
            b"\n# key\r\n" + keys.public_pem(EC),
        ),
        *(keys.public_der(RSA), keys.openssh(RSA), keys.pem(EC)),
        json.dumps(RSA_KEY.to_public_jwk()),
        json.dumps({"keys": [RSA_KEY.to_public_jwk()]}).encode(),
    ],
    ids=lambda value: repr(value)[:30],
)
@pytest.mark.parametrize("profile", ["compatible", "strict"])
def test_a2_a_public_key_is_no_secret(disguise: Any, profile: str) -> None:
    """What the world knows is refused as a secret, in whatever dress, in every profile."""
    for option in ("SECRET_KEY", "SECRET_KEY_FALLBACKS"):
        options = {"SECRET_KEY": SECRET, option: [disguise] if "FALL" in option else disguise}
        assert refusal(PROFILE=profile, **options).startswith(f"JWT_{option}")
    app = bare_application(PROFILE=profile, SECRET_KEY=None)
    app.config["SECRET_KEY"] = disguise
    with pytest.raises(ConfigurationError, match=r"^SECRET_KEY: "):
        JWTManager(app)


# ── weak keys ────────────────────────────────────────────────────────────────────────────

WEAK: dict[str, Any] = {
    "short": SECRET[:31],
    "short for HS512": SECRET[:63],
    "one character": "a" * 64,
    "placeholder": "super-secret-change-me-" + "please" * 8,
}


@pytest.mark.parametrize("weakness", WEAK)
def test_a5_a_weak_secret(weakness: str) -> None:
    """A weak secret is warned of, by its option; in the strict profile it is refused."""
    options = {"SECRET_KEY": WEAK[weakness], "ALGORITHM": "HS512" if "512" in weakness else "HS256"}
    with pytest.warns(WeakSecretWarning, match=r"^JWT_SECRET_KEY is weak: .* Make one with: "):
        application(**options)
    assert start_refusal(PROFILE="strict", **options).startswith("JWT_SECRET_KEY: weak key: ")
    with pytest.warns(WeakSecretWarning):
        application(PROFILE="strict", ALLOW_WEAK_KEYS=True, **options)


def test_a5_a_weak_secret_from_flask_or_a_fallback_is_named() -> None:
    """The warning names the option that the weak secret is in."""
    app = bare_application(SECRET_KEY=None, SECRET_KEY_FALLBACKS=[SECRET, b"short"])
    app.config["SECRET_KEY"] = "short, too"
    with pytest.warns(WeakSecretWarning) as caught:
        JWTManager(app)
    told = [str(warning.message).partition(" is weak")[0] for warning in caught]
    assert len(told) == 2
    assert told[0] == "SECRET_KEY"
    assert told[1].endswith("SECRET_KEY_FALLBACKS[1]")


def test_a5_weakness_is_told_once() -> None:
    """One warning for a weak secret is enough: tokens are made and read without another."""
    with pytest.warns(WeakSecretWarning) as caught:
        app = application(SECRET_KEY=["short", "short, too"], DECODE_ALGORITHMS=["HS512"])
    assert len(caught) == 1
    with app.app_context():
        token = create_access_token("alice")
        for _ in range(3):
            decode_token(token)
            create_access_token("alice")


def test_a5_a_weak_secret_of_a_running_application() -> None:
    """A weak secret that comes later is warned of when it is first used."""
    with running(SECRET_KEY=SECRET) as app:
        app.config["JWT_SECRET_KEY"] = "short"
        with pytest.warns(WeakSecretWarning, match="^JWT_SECRET_KEY is weak"):
            create_access_token("alice")


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ("short", "weak key: HS256 needs a secret of 32 bytes"),
        (keys.public_pem(RSA), "this HMAC secret is a PEM"),
        (keys.public_pem(RSA).decode(), "this HMAC secret is a PEM"),
    ],
    ids=["weak", "PEM", "PEM as text"],
)
def test_a5_a_bad_secret_in_a_list_is_an_error(bad: Any, message: str, first: bool) -> None:
    """A text in a list that is no good secret stops the start: it was meant to be one."""
    both = [bad, SECRET] if first else [SECRET, bad]
    assert message in start_refusal(SECRET_KEY=both, PROFILE="strict")


def test_a7_a_weak_rsa_key() -> None:
    """An RSA key below 2048 bits is warned of, and refused in the strict profile."""
    from cryptography.hazmat.primitives.asymmetric import rsa

    pem = keys.pem(rsa.generate_private_key(65537, 1024))
    with pytest.warns(WeakSecretWarning, match=r"^JWT_PRIVATE_KEY is weak: an RSA key needs 2048"):
        new_token(ALGORITHM="RS256", PRIVATE_KEY=pem)
    message = refusal(ALGORITHM="RS256", PRIVATE_KEY=pem, PROFILE="strict")
    assert message.startswith("JWT_PRIVATE_KEY: weak key: an RSA key needs 2048")


def test_a_weak_key_object_is_refused_in_strict_too() -> None:
    """A Key made with allow_weak is no way around the strict profile."""
    weak = Key.from_secret(b"short", allow_weak=True)
    assert refusal(SECRET_KEY=weak, PROFILE="strict").startswith("JWT_SECRET_KEY: weak key: ")


# ── fallbacks ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("ours", [True, False], ids=["JWT_", "Flask's"])
def test_fallbacks_verify_and_do_not_sign(ours: bool) -> None:
    """After a change of secret the old tokens are good, and new ones are signed by the new one."""
    old, older = (new_token(SECRET_KEY=secret) for secret in (OTHER, TEXT))
    app = bare_application(SECRET_KEY=None)
    prefix = "JWT_" if ours else ""
    app.config[f"{prefix}SECRET_KEY"] = SECRET
    app.config[f"{prefix}SECRET_KEY_FALLBACKS"] = [OTHER, TEXT]
    JWTManager(app)
    with app.app_context():
        for token in (old, older):
            assert decode_token(token)["sub"] == "alice"
        new = create_access_token("alice")
    assert takes(new, SECRET_KEY=SECRET)
    assert not takes(new, SECRET_KEY=[OTHER, TEXT])


def test_flasks_fallbacks_go_with_flasks_secret() -> None:
    """With a JWT_SECRET_KEY, what Flask's session was signed by opens no door."""
    app = bare_application(SECRET_KEY=SECRET)
    app.config.update(SECRET_KEY=TEXT, SECRET_KEY_FALLBACKS=[OTHER])
    JWTManager(app)
    with app.app_context():
        for secret in (TEXT, OTHER):
            with pytest.raises(InvalidSignatureError):
                decode_token(new_token(SECRET_KEY=secret))


def test_both_kinds_of_fallbacks_of_flasks_secret() -> None:
    """JWT_SECRET_KEY_FALLBACKS serve who moves from a JWT_SECRET_KEY to Flask's."""
    app = bare_application(SECRET_KEY=None, SECRET_KEY_FALLBACKS=[OTHER])
    app.config.update(SECRET_KEY=SECRET, SECRET_KEY_FALLBACKS=[TEXT])
    JWTManager(app)
    with app.app_context():
        for secret in (SECRET, OTHER, TEXT):
            assert decode_token(new_token(SECRET_KEY=secret))


@pytest.mark.parametrize("fallbacks", [TEXT, TEXT.encode(), "", 5, {TEXT}, {"k": TEXT}], ids=repr)
def test_flasks_fallbacks_are_a_list(fallbacks: Any) -> None:
    """Flask's SECRET_KEY_FALLBACKS given as a text is refused: its letters would be secrets."""
    app = bare_application(SECRET_KEY=None)
    app.config.update(SECRET_KEY=SECRET, SECRET_KEY_FALLBACKS=fallbacks)
    with pytest.raises(ConfigurationError) as caught:
        JWTManager(app)
    assert str(caught.value) == (
        "SECRET_KEY_FALLBACKS takes None or a list of secrets that were in use before"
    )
    app.config["JWT_SECRET_KEY"] = SECRET  # then Flask's two are none of our business
    JWTManager(app)


@pytest.mark.parametrize("more", [[SECRET], [SECRET, SECRET], [OTHER, OTHER, SECRET]])
def test_a_secret_that_stands_twice_is_one(more: list[bytes]) -> None:
    """A rotation that left the secret among its fallbacks is no mistake."""
    token = new_token(SECRET_KEY=SECRET, SECRET_KEY_FALLBACKS=more)
    assert takes(token, SECRET_KEY=SECRET)


def test_rotation_while_it_runs() -> None:
    """A secret can be changed in a running application: options are followed."""
    with running(SECRET_KEY=OTHER) as app:
        old = create_access_token("alice")
        app.config.update(JWT_SECRET_KEY=SECRET, JWT_SECRET_KEY_FALLBACKS=[OTHER])
        new = create_access_token("alice")
        assert decode_token(old)["sub"] == decode_token(new)["sub"] == "alice"
        app.config["JWT_SECRET_KEY_FALLBACKS"].clear()
        decode_token(new)
        with pytest.raises(InvalidSignatureError):
            decode_token(old)


# ── key pairs ────────────────────────────────────────────────────────────────────────────

PRIVATE: dict[str, Any] = {
    "PEM": keys.pem(RSA),
    "PEM as text": keys.pem(RSA).decode(),
    "cryptography": RSA,
    "JWK": jwk(RSA_KEY),
    "JWK without alg and kid": jwk(RSA_KEY, alg=..., kid=...),
    "JWK as text": json.dumps(jwk(RSA_KEY)),
    "JWK as bytes": b"\n " + json.dumps(jwk(RSA_KEY)).encode(),
    "JWKS": {"keys": [jwk(RSA_KEY)]},
    "Key": RSA_KEY,
    "list": [RSA],
}
PUBLIC: dict[str, Any] = {
    "none: derived": None,
    "PEM": keys.public_pem(RSA),
    "PEM as text": keys.public_pem(RSA).decode(),
    "certificate": None,
    "cryptography": RSA.public_key(),
    "JWK": RSA_KEY.to_public_jwk(),
    "JWK as text": json.dumps(RSA_KEY.to_public_jwk()),
    "JWKS": {"keys": [RSA_KEY.to_public_jwk()]},
    "JWKS as text": json.dumps({"keys": [RSA_KEY.to_public_jwk()]}),
    "Key": RSA_KEY.public_key(),
    "list": [keys.public_pem(OTHER_RSA), keys.public_pem(RSA)],
}


@pytest.mark.parametrize("form", PRIVATE)
def test_every_form_of_a_private_key(form: str) -> None:
    """A private key may be PEM, a JWK, a JWKS, a cryptography key or a Key, and signs as that."""
    token = new_token(ALGORITHM="RS256", PRIVATE_KEY=PRIVATE[form])
    assert takes(token, ALGORITHM="RS256", PUBLIC_KEY=PUBLIC["PEM"])
    assert takes(token, ALGORITHM="RS256", PRIVATE_KEY=PRIVATE[form])


@pytest.mark.parametrize("form", PUBLIC)
def test_every_form_of_a_public_key(form: str) -> None:
    """So may a public one; without any, it is the private key's other half."""
    token = new_token(ALGORITHM="RS256", PRIVATE_KEY=RSA)
    public = PUBLIC[form]
    if form == "certificate":
        from cryptography.hazmat.primitives.serialization import Encoding

        public = keys.certificate(RSA).public_bytes(Encoding.PEM)
    if public is not None:
        assert takes(token, ALGORITHM="RS256", PUBLIC_KEY=public)
    assert takes(token, ALGORITHM="RS256", PUBLIC_KEY=public, PRIVATE_KEY=RSA)
    other = new_token(ALGORITHM="RS256", PRIVATE_KEY=keys.private("RS256", 2))
    assert not takes(other, ALGORITHM="RS256", PUBLIC_KEY=public, PRIVATE_KEY=RSA)


@pytest.mark.parametrize("name", keys.PAIR_NAMES)
def test_every_algorithm(name: str) -> None:
    """Every algorithm signs with its private key's PEM and verifies with the public one's."""
    private = keys.private(name)
    token = new_token(ALGORITHM=name, PRIVATE_KEY=keys.pem(private))
    assert part(token, 0) == {"alg": name, "typ": "JWT"}
    assert takes(token, ALGORITHM=name, PUBLIC_KEY=keys.public_pem(private))


def test_a_public_key_of_another_pair() -> None:
    """Who sets two pairs signs with the one and verifies with the other, as FJE does."""
    options = {"ALGORITHM": "RS256", "PRIVATE_KEY": RSA, "PUBLIC_KEY": keys.public_pem(OTHER_RSA)}
    token = new_token(**options)
    assert takes(token, ALGORITHM="RS256", PUBLIC_KEY=keys.public_pem(RSA))
    assert not takes(token, **options)
    assert takes(new_token(ALGORITHM="RS256", PRIVATE_KEY=OTHER_RSA), **options)


def test_rotation_by_a_list_of_public_keys() -> None:
    """The public keys of old pairs go on verifying beside the new pair."""
    public = [keys.public_pem(RSA), keys.public_pem(OTHER_RSA)]
    options = {"ALGORITHM": "RS256", "PRIVATE_KEY": RSA, "PUBLIC_KEY": public}
    assert takes(new_token(**options), **options)
    assert takes(new_token(ALGORITHM="RS256", PRIVATE_KEY=OTHER_RSA), **options)


def test_a_jwks_of_several_algorithms() -> None:
    """A JWKS may have keys of several algorithms; each token is checked by its own."""
    jwks = {"keys": [RSA_KEY.to_public_jwk(), EC_KEY.to_public_jwk()]}
    options = {"ALGORITHM": "RS256", "DECODE_ALGORITHMS": ["ES256"], "PUBLIC_KEY": jwks}
    for key, other in ((RSA_KEY, EC_KEY), (EC_KEY, RSA_KEY)):
        assert takes(encode({"kid": key.kid}, {"sub": "alice"}, key), **options)
        assert takes(encode({}, {"sub": "alice"}, key), **options)  # all of them are public
        forged = signed({"sub": "alice"}, other, {"alg": key.algorithm})
        assert not takes(forged, **options)
        crossed = signed({"sub": "alice"}, other, {"alg": other.algorithm, "kid": key.kid})
        assert not takes(crossed, **options)


def test_a_jwks_with_more_than_is_needed() -> None:
    """Of an issuer's JWKS only the acceptable keys are used: none to encrypt, none of other algs.

    RFC 7517 section 5: a key that an implementation can't use is ignored.
    """
    other = Key.from_cryptography(OTHER_RSA, "RS256").to_public_jwk()
    numbers = {name: other[name] for name in ("kty", "n", "e")}
    more = [
        {**numbers, "kid": "enc", "use": "enc"},
        {**numbers, "kid": "ops", "key_ops": ["encrypt"]},
        {**numbers, "kid": "alg", "alg": "RSA-OAEP"},
        EC_KEY.to_public_jwk(),
        {"kty": "unheard-of", "kid": "new"},
        {"kty": "RSA", "kid": "broken", "n": "AQ"},
    ]
    for jwks in ([*more, RSA_KEY.to_public_jwk()], [RSA_KEY.to_public_jwk(), *more]):
        options = {"ALGORITHM": "RS256", "PUBLIC_KEY": {"keys": jwks}}
        ring = application(**options).extensions["flask-signet"][""].signet().keys.ring()
        assert [key.thumbprint() for key in ring] == [RSA_KEY.thumbprint()]
        assert takes(signed({"sub": "alice"}, RSA_KEY), **options)
        assert not takes(signed({"sub": "alice"}, EC_KEY), **options)
        forger = Key.from_cryptography(OTHER_RSA, "RS256", kid="enc")
        for named in ({}, {"kid": "enc"}, {"kid": "ops"}, {"kid": "alg"}):
            token = signed({"sub": "alice"}, forger, {"alg": "RS256", **named})
            assert not takes(token, **options)
    message = start_refusal(ALGORITHM="RS256", PUBLIC_KEY={"keys": more})
    assert message.startswith("JWT_PUBLIC_KEY: ")


def test_one_pem_of_two_algorithms() -> None:
    """One key serves several algorithms under one name."""
    options = {"ALGORITHM": "PS256", "DECODE_ALGORITHMS": ["RS256"], "PRIVATE_KEY": keys.pem(RSA)}
    for encode_kid in (False, True):
        token = new_token(**options, ENCODE_KID=encode_kid)
        assert part(token, 0).get("kid") == (RSA_KEY.thumbprint() if encode_kid else None)
        assert takes(token, **options, ENCODE_KID=encode_kid)
        for header in ({"alg": "RS256"}, {"alg": "RS256", "kid": RSA_KEY.thumbprint()}):
            token = signed({"sub": "alice"}, RSA_KEY, header)
            assert takes(token, **options, ENCODE_KID=encode_kid)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, 'JWT_PRIVATE_KEY must be set to use asymmetric cryptography algorithm "RS256"'),
        ({"PUBLIC_KEY": keys.public_pem(RSA)}, "JWT_PRIVATE_KEY must be set to use asymmetric"),
        ({"PRIVATE_KEY": keys.public_pem(RSA)}, "JWT_PRIVATE_KEY is a public key: it can't sign"),
        ({"PRIVATE_KEY": RSA_KEY.public_key()}, "JWT_PRIVATE_KEY is a public key: it can't sign"),
        ({"PRIVATE_KEY": "no PEM"}, "JWT_PRIVATE_KEY: "),
        ({"PRIVATE_KEY": keys.pem(EC)}, "JWT_PRIVATE_KEY: this key can't be used with RS256"),
        ({"PRIVATE_KEY": EC_KEY}, "JWT_PRIVATE_KEY: it is a key for ES256; this"),
        ({"PRIVATE_KEY": 5}, "JWT_PRIVATE_KEY: "),
        ({"PRIVATE_KEY": {}}, "JWT_PRIVATE_KEY "),
        ({"PRIVATE_KEY": '{"kty":"RSA"'}, "JWT_PRIVATE_KEY: can't read this PEM key"),
        ({"PRIVATE_KEY": RSA, "PUBLIC_KEY": "no PEM"}, "JWT_PUBLIC_KEY: "),
        ({"PRIVATE_KEY": RSA, "PUBLIC_KEY": {"keys": [5]}}, "JWT_PUBLIC_KEY: "),
        ({"PRIVATE_KEY": RSA, "PUBLIC_KEY": keys.public_pem(EC)}, "JWT_PUBLIC_KEY: this key can't"),
        ({"PRIVATE_KEY": SECRET, "PUBLIC_KEY": RSA.public_key()}, "JWT_PRIVATE_KEY: "),
        ({"PRIVATE_KEY": keys.pem(RSA, encryption=keys.locked(b"pw"))}, "JWT_PRIVATE_KEY: "),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_pair_that_is_none(options: dict[str, Any], message: str) -> None:
    """What is no key, or not for this algorithm, is refused with the option's name."""
    assert refusal(ALGORITHM="RS256", SECRET_KEY=SECRET, **options).startswith(message)


def test_a_missing_public_key() -> None:
    """An application that only reads tokens hears that it needs the public key."""
    with (
        running(ALGORITHM="RS256", SECRET_KEY=SECRET),
        pytest.raises(ConfigurationError, match=r"^JWT_PUBLIC_KEY must be set to use asymmetric"),
    ):
        decode_token("a.b.c")


@pytest.mark.parametrize("name", ["RS256", "ES256"])
def test_a2_a_secret_beside_a_pair_verifies_nothing(name: str) -> None:
    """With a key pair, HS among JWT_DECODE_ALGORITHMS gives no token a way in."""
    private = keys.private(name)
    options = {
        "ALGORITHM": name,
        "PRIVATE_KEY": private,
        "SECRET_KEY": SECRET,
        "DECODE_ALGORITHMS": ["HS256", name],
    }
    assert takes(new_token(**options), **options)
    assert not takes(new_token(SECRET_KEY=SECRET), **options)
    assert not takes(signed({"sub": "alice"}, Key.from_secret(SECRET), {"alg": name}), **options)


# ── names ────────────────────────────────────────────────────────────────────────────────


def test_a_jwks_own_kid_goes_into_the_header() -> None:
    """A key that came with a name signs under it; a nameless one under none."""
    named = jwk(RSA_KEY, kid="main")
    assert part(new_token(ALGORITHM="RS256", PRIVATE_KEY=named), 0)["kid"] == "main"
    assert part(new_token(SECRET_KEY={**OCT, "kid": "s"}), 0)["kid"] == "s"
    for nameless in (keys.pem(RSA), RSA, jwk(RSA_KEY, kid=...)):
        assert "kid" not in part(new_token(ALGORITHM="RS256", PRIVATE_KEY=nameless), 0)


def test_encode_kid_names_the_nameless() -> None:
    """With JWT_ENCODE_KID a key pair signs under its thumbprint; a secret has no name."""
    for form in ("PEM", "cryptography", "JWK without alg and kid"):
        token = new_token(ALGORITHM="RS256", ENCODE_KID=True, PRIVATE_KEY=PRIVATE[form])
        assert part(token, 0)["kid"] == RSA_KEY.thumbprint()
    assert "kid" not in part(new_token(SECRET_KEY=SECRET, ENCODE_KID=True), 0)


def test_tokens_from_before_the_names() -> None:
    """A token without kid, signed before JWT_ENCODE_KID was set, is still good."""
    old = new_token(ALGORITHM="RS256", PRIVATE_KEY=RSA)
    assert takes(old, ALGORITHM="RS256", PRIVATE_KEY=RSA, ENCODE_KID=True)


# ── the loaders of keys ──────────────────────────────────────────────────────────────────


def with_loaders(encode_key: Any = None, decode_key: Any = None, **options: Any) -> Flask:
    """An application whose loaders return these values."""
    manager = JWTManager()
    if encode_key is not None:
        manager.encode_key_loader(lambda identity: encode_key)
    if decode_key is not None:
        manager.decode_key_loader(lambda header, payload: decode_key)
    return application(manager=manager, **options)


@pytest.mark.parametrize("form", SECRETS)
def test_loaders_of_secrets(form: str) -> None:
    """A key loader returns any form of a secret that the option takes."""
    with with_loaders(encode_key=SECRETS[form], decode_key=SECRETS[form]).app_context():
        token = create_access_token("alice")
        assert decode_token(token)["sub"] == "alice"
        forged = signed(part(token, 1), Key.from_secret(OTHER))
        with pytest.raises(InvalidSignatureError):
            decode_token(forged)
    assert takes(token, SECRET_KEY=SECRET)


@pytest.mark.parametrize("form", PRIVATE)
def test_loaders_of_pairs(form: str) -> None:
    """Or of a key pair, private to sign and either half to verify."""
    app = with_loaders(encode_key=PRIVATE[form], decode_key=PRIVATE[form], ALGORITHM="RS256")
    with app.app_context():
        token = create_access_token("alice")
        assert decode_token(token)["sub"] == "alice"
    with with_loaders(decode_key=PUBLIC["PEM"], ALGORITHM="RS256").app_context():
        assert decode_token(token)["sub"] == "alice"


@pytest.mark.parametrize("value", [None, "", b"", [], 5, {}, "no PEM", object()], ids=repr)
@pytest.mark.parametrize("algorithm", ["HS256", "RS256"])
def test_an_encode_key_that_is_none(value: Any, algorithm: str) -> None:
    """What an encode_key_loader must not return is a ConfigurationError that names the loader."""
    manager = JWTManager()
    manager.encode_key_loader(lambda identity: value)
    app = application(
        manager=manager, ALGORITHM=algorithm, SECRET_KEY=SECRET, ALLOW_WEAK_KEYS=False
    )
    with app.app_context(), pytest.raises(ConfigurationError) as caught:
        create_access_token("alice")
    assert str(caught.value).startswith("what the encode_key_loader returned")


def test_an_encode_key_that_is_public() -> None:
    """A public key from the encode_key_loader is told as that."""
    app = with_loaders(encode_key=RSA_KEY.public_key(), ALGORITHM="RS256")
    with app.app_context(), pytest.raises(ConfigurationError, match="returned is a public key"):
        create_access_token("alice")


def test_no_decode_key() -> None:
    """A decode_key_loader that knows no key for a token says None: nobody signed it."""
    manager = JWTManager()
    manager.decode_key_loader(lambda header, payload: None)
    token = new_token(SECRET_KEY=SECRET)
    app = application(manager=manager, SECRET_KEY=SECRET)
    with app.app_context(), pytest.raises(InvalidSignatureError, match="Signature verification"):
        decode_token(token)


def test_what_a_decode_key_loader_is_given() -> None:
    """It sees header and payload before anything is verified, and can't change the token."""
    seen: list[Any] = []
    manager = JWTManager()

    @manager.decode_key_loader
    def choose(header: dict[str, Any], payload: dict[str, Any]) -> bytes:
        seen.append((dict(header), dict(payload)))
        header["alg"], payload["sub"] = "none", "mallory"
        return SECRET

    token = new_token(SECRET_KEY=SECRET)
    with application(manager=manager, SECRET_KEY=OTHER).app_context():
        for _ in range(2):
            assert decode_token(token)["sub"] == "alice"
        with pytest.raises(InvalidSignatureError):
            decode_token(signed({"sub": "mallory"}, Key.from_secret(OTHER)))
    assert seen[:2] == [(part(token, 0), part(token, 1))] * 2
    assert seen[2] == ({"alg": "HS256"}, {"sub": "mallory"})


ALGS = ["HS256", "HS384", "RS256", "ES256", "none", "", None, 5, ["HS256"], ...]
LOADED: dict[str, Any] = {
    "secret": SECRET,
    "PEM": keys.public_pem(RSA),
    "PEM as text": keys.public_pem(RSA).decode(),
    "public JWK": RSA_KEY.to_public_jwk(),
    "oct JWK": OCT,
    "secret Key": Key.from_secret(SECRET),
    "public Key": RSA_KEY.public_key(),
    "cryptography": RSA.public_key(),
}


@pytest.mark.parametrize("alg", ALGS, ids=repr)
@pytest.mark.parametrize("loaded", LOADED)
def test_a2_an_alg_of_the_wrong_family_is_the_tokens_fault(loaded: str, alg: Any) -> None:
    """With HS and RS mixed, a token's alg is refused as its own fault, and never a 500."""
    public = "secret" not in loaded and "oct" not in loaded
    right = "RS256" if public else "HS256"
    app = with_loaders(
        decode_key=LOADED[loaded],
        ALGORITHM="HS256",
        DECODE_ALGORITHMS=["HS256", "RS256"],
        SECRET_KEY=SECRET,
    )
    header = {} if alg is ... else {"alg": alg}
    # signed by what an attacker has: the public key's own text
    secret = keys.public_pem(RSA) if public else OTHER
    error = InvalidSignatureError if alg == right else InvalidAlgorithmError
    with app.app_context(), pytest.raises(error):
        decode_token(hmac_signed(header, {"sub": "alice"}, secret))


def hmac_signed(header: dict[str, Any], payload: dict[str, Any], secret: bytes) -> str:
    """A token under an HMAC by a secret that we would not have as a Key."""
    segments = (base64url.encode(json.dumps(part).encode()) for part in (header, payload))
    text = ".".join(segments)
    return f"{text}.{base64url.encode(hmac.digest(secret, text.encode(), 'sha256'))}"


@pytest.mark.parametrize("several", [list, tuple, "JWKS"])
def test_a_loader_may_return_keys_of_several_algorithms(several: Any) -> None:
    """Of keys for several algorithms those serve that fit the token's alg."""
    both: Any
    if several == "JWKS":
        both = {"keys": [RSA_KEY.to_public_jwk(), EC_KEY.to_public_jwk()]}
    else:
        both = several([RSA_KEY.public_key(), EC_KEY.public_key()])
    app = with_loaders(decode_key=both, ALGORITHM="RS256", DECODE_ALGORITHMS=["RS256", "ES256"])
    with app.app_context():
        for key in (RSA_KEY, EC_KEY):
            token = encode({"kid": key.kid}, {"sub": "alice"}, key)
            assert decode_token(token)["sub"] == "alice"


@pytest.mark.parametrize("value", [5, object(), "no PEM", {"kty": "EC"}], ids=repr)
def test_a_decode_key_that_is_none(value: Any) -> None:
    """What fits no algorithm of the application is the loader's fault, and named so."""
    app = with_loaders(decode_key=value, ALGORITHM="RS256", PRIVATE_KEY=RSA)
    with app.app_context(), pytest.raises(ConfigurationError) as caught:
        decode_token(new_token(ALGORITHM="RS256", PRIVATE_KEY=RSA))
    assert str(caught.value).startswith("what the decode_key_loader returned")


def test_a_loaded_key_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading a PEM costs more than a signature, so it is read once; the cache has a bound."""
    reads: list[Any] = []
    read = Key.from_pem.__func__  # type: ignore[attr-defined]

    def counting(cls: type[Key], pem: Any, *args: Any, **kwargs: Any) -> Key:
        reads.append(pem)
        return read(cls, pem, *args, **kwargs)  # type: ignore[no-any-return]

    monkeypatch.setattr(Key, "from_pem", classmethod(counting))
    app = with_loaders(decode_key=keys.public_pem(RSA), ALGORITHM="RS256", PRIVATE_KEY=RSA)
    with app.app_context():
        token = create_access_token("alice")
        for _ in range(5):
            decode_token(token)
        assert len(reads) == 1


def test_the_cache_of_loaded_keys_has_a_bound() -> None:
    """A secret for each user does not fill the memory: what was read is kept up to a bound."""
    loaded = LoadedKeys(KeyRules("HS256", ("HS256",)))
    for number in range(1000):
        secret = f"{number:04}{TEXT}"
        ring = loaded.ring(secret, ("HS256",), "a_loader")
        assert [key.algorithm for key in ring] == ["HS256"]
        assert loaded.ring(secret, ("HS256",), "a_loader") is ring
    assert len(loaded._rings) <= 256


def test_a_text_and_its_bytes_under_two_algorithms_are_four_keys() -> None:
    """What was loaded for one algorithm is not taken for another."""
    loaded = LoadedKeys(KeyRules("HS256", ("HS256", "HS512")))
    found = [
        loaded.ring(value, (name,), "a_loader")
        for _ in range(2)
        for value in (TEXT, TEXT.encode())
        for name in ("HS256", "HS512")
    ]
    assert len({id(ring) for ring in found}) == 4
    assert [ring[0].algorithm for ring in found] == ["HS256", "HS512"] * 4


def test_loaded_keys_belong_to_their_options() -> None:
    """A key that was loaded when weak keys were allowed is refused when they are not any more."""
    with with_loaders(decode_key="short", SECRET_KEY=SECRET).app_context() as context:
        token = signed({"sub": "alice"}, Key.from_secret("short", allow_weak=True))
        with pytest.warns(WeakSecretWarning, match="^what the decode_key_loader returned is weak"):
            decode_token(token)
        decode_token(token)  # told once
        context.app.config["JWT_ALLOW_WEAK_KEYS"] = False
        with pytest.raises(ConfigurationError, match="weak key"):
            decode_token(token)


# ── no key in any message ────────────────────────────────────────────────────────────────

LEAKS: list[tuple[str, dict[str, Any]]] = [
    ("hunter2", {"SECRET_KEY": "hunter2", "PROFILE": "strict"}),
    ("hunter", {"SECRET_KEY": ["hunter2", "hunter3"], "PROFILE": "strict"}),
    ("hunter2", {"SECRET_KEY": {"keys": [{"kty": "oct", "k": "hunter2!", "use": "enc"}]}}),
    ("hunter2", {"SECRET_KEY": SECRET, "SECRET_KEY_FALLBACKS": ["hunter2"], "PROFILE": "strict"}),
    ("hunter2", {"SECRET_KEY": {"kty": "oct", "k": "hunter2!"}}),
    ("hunter2", {"SECRET_KEY": {"kty": "oct", "k": "hunter2", "alg": "RS256"}}),
    ("hunter2", {"ALGORITHM": "RS256", "PRIVATE_KEY": "hunter2"}),
    ("hunter2", {"ALGORITHM": "RS256", "PRIVATE_KEY": '{"kty":"RSA","d":"hunter2"}'}),
    ("hunter2", {"ALGORITHM": "RS256", "PRIVATE_KEY": '{"hunter2'}),
    ("hunter2", {"ALGORITHM": "RS256", "PRIVATE_KEY": {"kty": "RSA", "n": "hunter2"}}),
    (
        "hunter2",
        {
            "ALGORITHM": "RS256",
            "PRIVATE_KEY": "-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----",
        },
    ),
    ("hunter2", {"ALGORITHM": "hunter2"}),
    ("hunter2", {"SECRET_KEY_FALLBACKS": "hunter2"}),
]


@pytest.mark.parametrize(("secret", "options"), LEAKS, ids=repr)
def test_no_message_has_a_key(secret: str, options: dict[str, Any]) -> None:
    """An error about a key says what is wrong with it, and nothing of what it is."""
    with pytest.raises(ConfigurationError) as caught:
        application(**{"SECRET_KEY": SECRET, **options})
    error: BaseException | None = caught.value
    while error is not None:
        assert secret not in str(error)
        assert secret not in repr(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def test_no_warning_has_a_key() -> None:
    """Nor does a warning."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        new_token(SECRET_KEY="hunter2", SECRET_KEY_FALLBACKS=["hunter3"])
    assert len(caught) == 2
    assert not any("hunter" in str(warning.message) for warning in caught)


def test_what_holds_the_keys_does_not_print_them() -> None:
    """The settings, the state and the ring can be logged."""
    app = application(SECRET_KEY="hunter2-" + TEXT, SECRET_KEY_FALLBACKS=["hunter3-" + TEXT])
    state = app.extensions["flask-signet"][""]
    for thing in (state, state.signet(), state.signet().keys.ring(), state.settings):
        assert "hunter" not in f"{thing!r} {thing!s}"


def test_settings_print_no_secret() -> None:
    """Nor do the settings print a private key, a JWK, or the password in a store's URL."""
    private = jwk(RSA_KEY)
    app = application(
        SECRET_KEY={**OCT, "kid": "hunter2"},
        PRIVATE_KEY=private,
        PUBLIC_KEY="hunter3",
        SESSION_STORE="redis://user:hunter4@127.0.0.1:1/0",
        ENCODE_ISSUER="us",
    )
    printed = f"{app.extensions['flask-signet'][''].settings!r}"
    assert "encode_issuer='us'" in printed
    for secret in ("hunter", OCT["k"], private["d"], private["p"]):
        assert secret not in printed


def test_an_unverified_header_needs_no_key() -> None:
    """The header of a token can be read without any key."""
    token = new_token(SECRET_KEY=SECRET)
    assert get_unverified_jwt_headers(token) == {"alg": "HS256", "typ": "JWT"}
    with running(SECRET_KEY=None):
        assert get_unverified_jwt_headers(token) == {"alg": "HS256", "typ": "JWT"}
