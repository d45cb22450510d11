"""Where the keys of ``JWT_KEYS`` are kept, and how they are written there."""

import json
import logging
import multiprocessing
import os
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from flask import Flask

from flask_signet import (
    JWTManager,
    Key,
    create_access_token,
    decode_token,
    get_unverified_jwt_headers,
    jwt_required,
)
from flask_signet.exceptions import ConfigurationError, InvalidKeyError, InvalidSignatureError
from flask_signet.keys.reading import KeyRules
from flask_signet.keys.schedule import KeySchedule, TimedKey
from flask_signet.keys.sources import key_source
from flask_signet.stores.memory import MemoryStore

FIRST, SECOND = Key.generate("ES256"), Key.generate("ES256")
SECRET = Key.generate("HS256")


def application(keys, **options) -> Flask:
    app = Flask("application")
    app.config["JWT_KEYS"] = keys
    app.config.update(options)
    JWTManager(app)
    return app


def jwks(*keys: Key) -> dict:
    return {"keys": [key.to_private_jwk() for key in keys]}


def kid_of_new_token(app: Flask) -> str:
    with app.app_context():
        return get_unverified_jwt_headers(create_access_token("ada"))["kid"]


def write(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


def pem(key: Key) -> str:
    return key._private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


# ── the forms ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "keys",
    [
        [FIRST, SECOND],
        (FIRST, SECOND.public_key()),
        FIRST,
        [FIRST.to_private_jwk(), SECOND],
        jwks(FIRST, SECOND),
        json.dumps(jwks(FIRST)["keys"][0]),
        pem(FIRST),
        [pem(FIRST).encode(), SECRET],
        [FIRST._private],
        lambda: [FIRST, SECOND],
        lambda: FIRST,
        lambda: jwks(FIRST, SECOND),
    ],
    ids=range(12),
)
def test_the_first_key_signs_in_whatever_form(keys):
    assert kid_of_new_token(application(keys)) == FIRST.kid


def test_all_keys_verify():
    with application([SECOND]).app_context():
        token = create_access_token("ada")
    for keys in ([FIRST, SECOND], [FIRST, SECOND.public_key()], [SECRET, SECOND]):
        with application(keys).app_context():
            assert decode_token(token)["sub"] == "ada"
    with application([FIRST]).app_context(), pytest.raises(InvalidSignatureError):
        decode_token(token)


def test_a_secret_and_a_public_key_are_no_choice_of_the_token():
    """Both are named: the ``kid`` decides, and the key's own algorithm (RFC 8725 section 3.1)."""
    app = application([FIRST, SECRET])
    forged = Key.from_secret(SECRET._private, kid=FIRST.kid)
    with application([forged]).app_context():
        token = create_access_token("ada")
    with app.app_context(), pytest.raises(Exception, match="alg"):
        decode_token(token)


PLACES = ["list", "JWKS", "text", "function", "env", "file", "folder", "store"]


def kept(place, tmp_path, monkeypatch, *keys: Key) -> dict:
    """The options of an application that keeps these keys in such a place."""
    text = json.dumps(jwks(*keys))
    if place == "env":
        monkeypatch.setenv("APP_KEYS", text)
    if place == "folder":
        for number, key in enumerate(keys):
            write(tmp_path / f"{number}.jwk", json.dumps(key.to_private_jwk()))
    store = MemoryStore()
    store.save_keys(text, after=0)
    values = {
        "list": list(keys),
        "JWKS": jwks(*keys),
        "text": text,
        "function": lambda: keys,
        "env": "env:APP_KEYS",
        "file": write(tmp_path / "keys.json", text) if place == "file" else None,
        "folder": f"{tmp_path}/",
        "store": "store:",
    }
    return {"JWT_KEYS": values[place], **({"JWT_SESSION_STORE": store} if place == "store" else {})}


def ring_refusal(options: dict) -> str:
    """Why an application with these keys makes no token."""
    with pytest.raises(ConfigurationError) as caught:  # noqa: PT012 - at the start, or at first use
        app = application(options.pop("JWT_KEYS"), **options)
        with app.app_context():
            create_access_token("ada")
    return str(caught.value)


@pytest.mark.parametrize("place", PLACES)
def test_a2_strict_takes_no_secret_beside_public_keys(place, tmp_path, monkeypatch):
    """Wherever a ring comes from, in strict it is of one kind (RFC 8725 section 3.1)."""
    options = kept(place, tmp_path, monkeypatch, FIRST, SECRET)
    assert kid_of_new_token(application(options["JWT_KEYS"], **options))
    message = ring_refusal({**options, "JWT_PROFILE": "strict"})
    assert message.startswith("JWT_KEYS: secrets (HS algorithms) and public keys in one ring;")
    assert message.endswith("give the secrets to a second manager")


@pytest.mark.parametrize("profile", ["compatible", "strict"])
@pytest.mark.parametrize("place", PLACES)
def test_a3_the_list_of_algorithms_counts(place, profile, tmp_path, monkeypatch):
    """A key for an algorithm that JWT_DECODE_ALGORITHMS does not list is refused, not taken."""
    options = kept(place, tmp_path, monkeypatch, FIRST, SECOND)
    options |= {"JWT_PROFILE": profile, "JWT_ALGORITHM": "ES256"}
    listed = {**options, "JWT_DECODE_ALGORITHMS": ["RS256", "ES256"]}
    assert kid_of_new_token(application(options["JWT_KEYS"], **listed))
    message = ring_refusal({**options, "JWT_DECODE_ALGORITHMS": ["RS256", "RS512"]})
    assert message.startswith("JWT_KEYS: ")
    assert "a key is for ES256, and JWT_DECODE_ALGORITHMS lists RS256, RS512: add it" in message


def test_a_retired_secret_is_no_part_of_the_ring():
    """A secret whose time is over stands beside a public key in strict: it verifies nothing."""
    keys = [FIRST, TimedKey(SECRET, 0, 1)]
    assert kid_of_new_token(application(keys, JWT_PROFILE="strict")) == FIRST.kid


def test_an_environment_variable(monkeypatch):
    monkeypatch.setenv("APP_KEYS", json.dumps(jwks(FIRST, SECOND)))
    assert kid_of_new_token(application("env:APP_KEYS")) == FIRST.kid
    monkeypatch.setenv("APP_KEYS", pem(FIRST))
    assert kid_of_new_token(application("env:APP_KEYS")) == FIRST.kid
    monkeypatch.delenv("APP_KEYS")
    with pytest.raises(ConfigurationError, match=r"JWT_KEYS: .*APP_KEYS is not set"):
        application("env:APP_KEYS")


def test_a_file(tmp_path):
    path = write(tmp_path / "keys.json", json.dumps(jwks(FIRST, SECOND)))
    assert kid_of_new_token(application(str(path))) == FIRST.kid
    assert kid_of_new_token(application(path)) == FIRST.kid


def test_a_folder_whose_newest_name_signs(tmp_path):
    write(tmp_path / "2025-01.pem", pem(SECOND))
    write(tmp_path / "2026-01.jwk", json.dumps(FIRST.to_private_jwk()))
    write(tmp_path / "notes.txt", "no key")
    assert kid_of_new_token(application(f"{tmp_path}/")) == FIRST.kid


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_file_that_others_may_read_is_refused(tmp_path, mode):
    path = write(tmp_path / "keys.json", json.dumps(jwks(FIRST)), mode)
    with pytest.raises(ConfigurationError, match=r"JWT_KEYS: .*other users: chmod 600"):
        application(path)
    with pytest.raises(ConfigurationError, match=r"chmod 600"):
        application(f"{tmp_path}/")


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "no JWKS"), ("{", "no JWKS"), ('{"keys": 1}', "no JWKS"), ('{"keys": []}', "no key")],
)
def test_a_file_without_keys_says_so(tmp_path, text, said):
    with pytest.raises(ConfigurationError, match=rf"JWT_KEYS: .*{said}"):
        application(write(tmp_path / "keys.json", text))


def test_a_file_that_is_missing_says_how_to_make_it(tmp_path):
    with pytest.raises(ConfigurationError, match=r"flask jwt keys generate"):
        application(tmp_path / "keys.json")


def test_no_key_is_in_a_message(tmp_path):
    bad = {**FIRST.to_private_jwk(), "crv": "P-384"}
    path = write(tmp_path / "keys.json", json.dumps({"keys": [bad]}))
    with pytest.raises(ConfigurationError) as caught:
        application(path)
    assert bad["d"] not in str(caught.value)


@pytest.mark.parametrize("other", ["JWT_SECRET_KEY", "JWT_PRIVATE_KEY", "JWT_PUBLIC_KEY"])
def test_beside_another_key_option_it_is_an_error_that_names_both(other):
    with pytest.raises(ConfigurationError, match=rf"JWT_KEYS and {other}"):
        application([FIRST], **{other: "KpXn2mVt8wQzR5yH3bJf7cLs9dGa4eNu6iTo1qWx0kY"})


@pytest.mark.parametrize("value", [True, 1, [], (), "", b"", object()])
def test_what_names_no_keys_is_an_error(value):
    with pytest.raises(ConfigurationError, match="JWT_KEYS takes"):
        application(value)


def test_the_store_needs_a_store():
    with pytest.raises(ConfigurationError, match="JWT_SESSION_STORE"):
        application("store:")


def test_the_session_store_keeps_keys():
    store = MemoryStore()
    app = application("store:", JWT_SESSION_STORE=store)
    with app.app_context(), pytest.raises(ConfigurationError, match="flask jwt keys generate"):
        create_access_token("ada")
    store.save_keys(json.dumps(jwks(FIRST)), after=0)
    assert kid_of_new_token(app) == FIRST.kid


def test_a_store_that_is_down_when_keys_are_first_needed_is_a_503(caplog):
    caplog.set_level(logging.CRITICAL, "flask_signet")
    app = application("store:", JWT_SESSION_STORE="redis://127.0.0.1:1/0", JWT_STORE_TIMEOUT=1)
    app.add_url_rule("/", view_func=jwt_required()(lambda: "in"))
    with application([FIRST]).app_context():
        token = create_access_token("ada")
    answer = app.test_client().get("/", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0


def test_loaders_still_win():
    app = application([FIRST])
    manager = app.extensions["flask-signet"][""].manager
    manager.encode_key_loader(lambda identity: SECOND)
    manager.decode_key_loader(lambda header, payload: SECOND.public_key())
    app.config["JWT_ALGORITHM"] = "ES256"
    assert kid_of_new_token(app) == SECOND.kid
    with app.app_context():
        assert decode_token(create_access_token("ada"))["sub"] == "ada"


@pytest.mark.parametrize("algorithm", ["RS256", "PS384", "EdDSA"])
def test_the_algorithm_of_a_pem_that_leaves_a_choice_is_the_option_s(algorithm):
    key = Key.generate(algorithm)
    app = application([pem(key)], JWT_ALGORITHM=algorithm)
    assert kid_of_new_token(app) == key.kid
    with app.app_context():
        token = create_access_token("ada")
        assert get_unverified_jwt_headers(token)["alg"] == algorithm
        assert decode_token(token)["sub"] == "ada"


def test_public_keys_alone_verify_and_sign_nothing():
    with application([FIRST]).app_context():
        token = create_access_token("ada")
    with application([FIRST.public_key()]).app_context():
        assert decode_token(token)["sub"] == "ada"
        with pytest.raises(ConfigurationError, match="JWT_KEYS has no key that signs"):
            create_access_token("ada")


# ── a signer elsewhere ───────────────────────────────────────────────────────────────────


def _agent(pipe, jwk) -> None:
    key = Key.from_jwk(jwk)
    while data := pipe.recv():
        pipe.send(key.sign(data))


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA", "RS256"])
def test_a_signer_in_another_process_gives_its_signatures_and_not_its_key(algorithm):
    key = Key.generate(algorithm)
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=_agent, args=(theirs, key.to_private_jwk())
    )
    process.start()

    def sign(data: bytes) -> bytes:
        ours.send(data)
        return ours.recv()

    signer = Key.from_signer(key.public_key(), sign)
    app = application([signer])
    with app.app_context():
        token = create_access_token("ada")
        assert decode_token(token)["sub"] == "ada"
    ours.send(b"")
    process.join()
    assert get_unverified_jwt_headers(token)["kid"] == key.kid
    with pytest.raises(InvalidKeyError, match="elsewhere"):
        signer.to_private_jwk()


def test_a_signer_of_another_key_makes_no_token():
    signer = Key.from_signer(FIRST.public_key(), SECOND.sign)
    with application([signer]).app_context(), pytest.raises(InvalidKeyError, match="signer"):
        create_access_token("ada")


def test_a_signer_is_renamed_with_its_signatures():
    assert Key.from_signer(FIRST.public_key(), FIRST.sign).renamed("a").sign(b"x")


# ── files are written whole ──────────────────────────────────────────────────────────────


RULES = KeyRules("HS256", ("HS256",))


def source_of(path):
    return key_source(str(path), RULES, lambda: None)


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_is_saved_is_read_again_with_its_moments(tmp_path, kind):
    path = tmp_path / "keys.json" if kind == "file" else f"{tmp_path}/"
    source = source_of(path)
    before = KeySchedule([TimedKey(FIRST, 0, 2_000_000_000)])
    source.save(before, KeySchedule())
    after = KeySchedule([TimedKey(SECOND, 1_900_000_000), *before])
    source.save(after, before)
    found = source.load()
    assert {(each.key.kid, each.signs_from, each.verifies_until) for each in found} == {
        (each.key.kid, each.signs_from, each.verifies_until) for each in after
    }
    files = [each for each in tmp_path.iterdir() if each.is_file()]
    assert {stat.S_IMODE(each.stat().st_mode) for each in files} == {0o600}
    assert not [each for each in files if each.name.startswith(".")]
    source.save(before, after)
    assert [each.key.kid for each in source.load()] == [FIRST.kid]


def test_a_write_that_fails_leaves_the_file_as_it_was(tmp_path, monkeypatch):
    source = source_of(tmp_path / "keys.json")
    before = KeySchedule([TimedKey(FIRST)])
    source.save(before, KeySchedule())

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(InvalidKeyError, match="can't be written"):
        source.save(KeySchedule([TimedKey(SECOND)]), before)
    monkeypatch.undo()
    assert [each.key.kid for each in source.load()] == [FIRST.kid]
    assert [each.name for each in tmp_path.iterdir()] == ["keys.json"]


@pytest.mark.parametrize("keys", [[FIRST], "env:APP_KEYS", lambda: FIRST])
def test_what_is_no_place_to_write_to_says_so(keys):
    source = key_source(keys, RULES, lambda: None)
    with pytest.raises(InvalidKeyError, match="can't be written by a command"):
        source.save(KeySchedule([TimedKey(SECOND)]), KeySchedule())


def test_two_who_change_the_stored_keys_at_once_are_told(tmp_path):
    store = MemoryStore()
    one, other = _stored(store), _stored(store)
    one.load()
    other.load()
    one.save(KeySchedule([TimedKey(FIRST)]), KeySchedule())
    with pytest.raises(InvalidKeyError, match="somebody else"):
        other.save(KeySchedule([TimedKey(SECOND)]), KeySchedule())
    assert [each.key.kid for each in other.load()] == [FIRST.kid]


def _stored(store):
    return key_source("store:", RULES, lambda: store)
