"""Keys in the options: every form of them, and every mistake told by its option."""

import json
import re
import warnings
from typing import Any

import pytest

from flask_signet import (
    JWTManager,
    Key,
    create_access_token,
    decode_token,
    get_unverified_jwt_headers,
)
from flask_signet.callers import forget_warnings
from flask_signet.exceptions import (
    ConfigurationError,
    InvalidSignatureError,
    WeakSecretWarning,
)
from flask_signet.jose import base64url
from flask_signet.jwt.encode import encode
from flask_signet.keys.schedule import TimedKey
from tests.applications import application, bare_application, manager, part, signed
from tests.ids import same_everywhere
from tests.jose import keys
from tests.keys.forms import (
    EC,
    EC_KEY,
    OCT,
    OTHER,
    OTHER_RSA,
    PRIVATE,
    PUBLIC,
    RSA,
    RSA_KEY,
    SECRET,
    SECRETS,
    TEXT,
    hmac_signed,
    jwk,
    new_token,
    refusal,
    running,
    takes,
)


def start_refusal(**options: Any) -> str:
    """The message with which init_app refuses these keys."""
    with pytest.raises(ConfigurationError) as caught:
        application(**options)
    return str(caught.value)


# ── secrets ──────────────────────────────────────────────────────────────────────────────


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
    ids=same_everywhere,
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
    ids=same_everywhere,
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
    ids=same_everywhere,
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
    kind = "short" if weakness.startswith("short") else "guessable"
    other = "guessable" if kind == "short" else "short"
    for allowed in (True, kind):
        forget_warnings()
        with pytest.warns(WeakSecretWarning):
            application(PROFILE="strict", ALLOW_WEAK_KEYS=allowed, **options)
    message = start_refusal(ALLOW_WEAK_KEYS=other, **options)
    assert message.startswith("JWT_SECRET_KEY: weak key: ")


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


BARE = jwk(Key.from_secret(SECRET), kid=..., alg=...)
MALFORMED: dict[str, tuple[Any, str]] = {
    "no k": ({"kty": "oct"}, "the JWK's k is not a base64url text"),
    "k that is no text": ({**BARE, "k": 5}, "the JWK's k is not a base64url text"),
    "k with padding": ({**BARE, "k": BARE["k"] + "="}, "the JWK's k is not base64url"),
    "empty k": ({**BARE, "k": ""}, "an HMAC secret is a non-empty text"),
    "bad kid": ({**BARE, "kid": ""}, "a kid is 1 to 256 printable ASCII characters"),
    "bad key_ops": ({**BARE, "key_ops": "sign"}, "the JWK's key_ops is not a list"),
    "bad use": ({**BARE, "use": ["sig"]}, "the JWK's use is no text"),
    "bad alg": ({**BARE, "alg": 5}, "the JWK's alg is no text"),
    "a PEM": (
        {**BARE, "k": base64url.encode(keys.public_pem(RSA))},
        "this HMAC secret is a PEM",
    ),
}


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("profile", ["compatible", "strict"])
@pytest.mark.parametrize("form", MALFORMED)
def test_a5_a_malformed_member_of_a_set_of_secrets(form: str, profile: str, first: bool) -> None:
    """A secret in a JWKS that can't be read stops the start: it was meant to be one."""
    member, message = MALFORMED[form]
    both = [member, OCT] if first else [OCT, member]
    for value in ({"keys": both}, json.dumps({"keys": both}), both):
        found = start_refusal(SECRET_KEY=value, PROFILE=profile)
        assert found.startswith(f"JWT_SECRET_KEY: {message}")


def test_a5_a_weak_member_of_a_set_of_secrets() -> None:
    """In strict a weak secret is not left out beside a good one: nobody would notice."""
    weak = {**BARE, "k": base64url.encode(b"kT9-wQz3_xLb7RmY")}
    message = start_refusal(SECRET_KEY={"keys": [OCT, weak]}, PROFILE="strict")
    assert message.startswith("JWT_SECRET_KEY: weak key: HS256 needs a secret of 32 bytes")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"d": "AQ"}, "the JWK's members don't make a key"),
        ({"d": 5}, "the JWK's d is not a base64url text"),
        ({"p": ...}, "the JWK has some of p, q, dp, dq, qi"),
    ],
)
def test_a_malformed_member_of_a_set_of_private_keys(change: dict[str, Any], message: str) -> None:
    """A private key that can't be read stops the start; one of no use here is passed over."""
    broken = jwk(Key.from_cryptography(OTHER_RSA, "RS256"), **change)
    options = {"ALGORITHM": "RS256"}
    found = start_refusal(PRIVATE_KEY={"keys": [jwk(RSA_KEY), broken]}, **options)
    assert found.startswith(f"JWT_PRIVATE_KEY: {message}")
    new_token(PRIVATE_KEY={"keys": [jwk(RSA_KEY), jwk(EC_KEY)]}, **options)
    bare = jwk(EC_KEY, alg=...)
    other = jwk(Key.generate("ES384"), alg=...)
    new_token(PRIVATE_KEY={"keys": [other, bare]}, ALGORITHM="ES256")


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
    for value in ([weak], weak, lambda: weak, [TimedKey(weak)]):
        message = refusal(SECRET_KEY=None, KEYS=value, PROFILE="strict")
        assert message.startswith("JWT_KEYS: weak key: ")


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


@pytest.mark.parametrize(
    "fallbacks", [TEXT, TEXT.encode(), "", 5, {TEXT}, {"k": TEXT}], ids=same_everywhere
)
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
    ids=same_everywhere,
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


@pytest.mark.parametrize("profile", ["compatible", "strict"])
@pytest.mark.parametrize("option", ["PUBLIC_KEY", "KEYS", "decode_key_loader", "pair"])
@pytest.mark.parametrize("form", ["PEM", "cryptography", "list", "JWK without kid"])
def test_b3_the_kid_of_an_issuer_on_the_tokens_of_a_pem(
    profile: str, option: str, form: str
) -> None:
    """A key without a name verifies tokens that name it in any way, in both profiles."""
    bare = {name: value for name, value in RSA_KEY.to_public_jwk().items() if name != "kid"}
    value = bare if form == "JWK without kid" else PUBLIC[form]
    options: dict[str, Any] = {"ALGORITHM": "RS256", "PROFILE": profile, "PUBLIC_KEY": value}
    if option == "KEYS":
        options |= {"PUBLIC_KEY": None, "KEYS": value if form == "list" else [value]}
    if option == "pair":
        options |= {"PRIVATE_KEY": keys.pem(RSA)}
    if option == "decode_key_loader":
        options |= {"PUBLIC_KEY": keys.public_pem(OTHER_RSA)}
    app = application(**options)
    if option == "decode_key_loader":
        manager(app).decode_key_loader(lambda _header, _payload: value)
    payload = {"sub": "alice", "jti": "j", "exp": 2**33, "type": "access"}
    with app.app_context():
        for kid in ("theirs", RSA_KEY.thumbprint(), None):
            header = {"alg": "RS256"} if kid is None else {"alg": "RS256", "kid": kid}
            assert decode_token(signed(payload, RSA_KEY, header))["sub"] == "alice"
        stranger = Key.from_cryptography(keys.private("RS256", 2), "RS256")
        with pytest.raises(InvalidSignatureError):
            decode_token(signed(payload, stranger, {"alg": "RS256", "kid": "theirs"}))


@pytest.mark.parametrize("profile", ["compatible", "strict"])
@pytest.mark.parametrize("option", ["PUBLIC_KEY", "KEYS"])
@pytest.mark.parametrize("form", ["JWK", "JWKS", "Key"])
def test_b3_a_key_that_was_given_a_kid_refuses_another(
    profile: str, option: str, form: str
) -> None:
    """A kid that was given is the key's only name."""
    mine = Key.from_cryptography(RSA.public_key(), "RS256", kid="mine")
    jwk = mine.to_public_jwk()
    value: Any = {"JWK": jwk, "JWKS": {"keys": [jwk]}, "Key": mine}[form]
    options: dict[str, Any] = {"ALGORITHM": "RS256", "PROFILE": profile, "PUBLIC_KEY": None}
    options[option] = value if option == "PUBLIC_KEY" or form == "JWKS" else [value]
    payload = {"sub": "alice", "jti": "j", "exp": 2**33, "type": "access"}
    for kid, good in (("mine", True), ("theirs", False), (mine.thumbprint(), False)):
        assert takes(signed(payload, RSA_KEY, {"alg": "RS256", "kid": kid}), **options) is good


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


@pytest.mark.parametrize(("secret", "options"), LEAKS, ids=same_everywhere)
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
