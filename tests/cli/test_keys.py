"""``flask jwt keys`` and ``flask jwt secret``."""

import json
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from flask import Flask
from flask.cli import FlaskGroup

from flask_signet import (
    JWTManager,
    Key,
    create_access_token,
    create_refresh_token,
    decode_token,
    get_unverified_jwt_headers,
)
from flask_signet.cli.keys import PUBLISHED_FOR
from flask_signet.exceptions import InvalidSignatureError
from tests.conftest import Clock

NOW = 1_700_000_000.0


class Deployment:
    """An application's configuration, and processes of it; keys are not made yet."""

    def __init__(
        self, folder: Path, kind: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.clock = clock
        self.keys = folder / "keys"
        self.keys.mkdir()
        where = {"file": self.keys / "keys.json", "folder": f"{self.keys}/", "store": "store:"}
        self.config = {
            "JWT_KEYS": where[kind],
            "JWT_KEYS_REFRESH": 30,
            "JWT_SESSION_STORE": f"sqlite:///{folder}/sessions.db",
            "JWT_ACCESS_TOKEN_EXPIRES": 900,
            "JWT_REFRESH_TOKEN_EXPIRES": 86_400,
        }
        self.started: list[Flask] = []

    def start(self) -> Flask:
        """A process of the application."""
        app = Flask("application")
        app.config.update(self.config)
        JWTManager(app)
        self.started.append(app)
        live = app.extensions["flask-signet"][""].signet().keys
        if live is not None:
            live._monotonic = self.clock
        return app

    def run(self, *words: str) -> Result:
        """`flask jwt ...`, which makes the application by itself."""
        return CliRunner().invoke(FlaskGroup(create_app=self.start), ["jwt", *words])

    def states(self) -> list[tuple[str, str]]:
        result = self.run("keys", "list", "--json")
        assert result.exit_code == 0, result.output
        return [(row["kid"], row["state"]) for row in json.loads(result.stdout)]


@pytest.fixture(params=["file", "folder", "store"])
def deployment(
    request: pytest.FixtureRequest, tmp_path: Path, ticking: Clock
) -> Iterator[Deployment]:
    ticking.now = NOW
    deployment = Deployment(tmp_path, request.param, ticking)
    assert deployment.run("store", "upgrade").exit_code == 0
    yield deployment
    for app in deployment.started:
        app.extensions["flask-signet"][""].close()


def kid_of_new_token(app: Flask) -> str:
    with app.app_context():
        kid: str = get_unverified_jwt_headers(create_access_token("ada"))["kid"]
    return kid


def test_the_first_key_is_made_once_and_signs(deployment: Deployment) -> None:
    """Before there is one, every command says what to do; a second `generate` changes nothing."""
    assert deployment.run("keys", "list").output.startswith("there is no key in ")
    made = deployment.run("keys", "generate", "--algorithm", "EdDSA")
    assert made.exit_code == 0, made.output
    [(kid, state)] = deployment.states()
    assert state == "active"
    assert kid in made.output
    assert "flask jwt keys rotate" in deployment.run("keys", "generate").output
    assert deployment.states() == [(kid, "active")]
    assert kid_of_new_token(deployment.start()) == kid


def test_a3_no_key_that_the_application_would_refuse(deployment: Deployment) -> None:
    """The commands keep to JWT_DECODE_ALGORITHMS, by their default and by their error."""
    deployment.config["JWT_DECODE_ALGORITHMS"] = ["ES384", "ES512"]
    refused = deployment.run("keys", "generate", "--algorithm", "RS256")
    assert refused.exit_code == 1
    assert "a key is for RS256, and JWT_DECODE_ALGORITHMS lists ES384, ES512" in refused.output
    assert deployment.states() == []
    assert "for ES384" in deployment.run("keys", "generate").output
    again = deployment.run("keys", "rotate", "--algorithm", "ES256")
    assert (again.exit_code, len(deployment.states())) == (1, 1)


def test_a2_no_ring_that_strict_would_refuse(deployment: Deployment) -> None:
    """In strict no command puts a secret beside a public key: no process could read the two."""
    deployment.run("keys", "generate")
    deployment.config["JWT_PROFILE"] = "strict"
    refused = deployment.run("keys", "rotate", "--algorithm", "HS256")
    assert refused.exit_code == 1
    assert "secrets (HS algorithms) and public keys in one ring" in refused.output
    assert len(deployment.states()) == 1


def test_a_rotation_logs_nobody_out(deployment: Deployment, ticking: Clock) -> None:
    """A running process signs with the next key when its time has come, and takes both."""
    deployment.run("keys", "generate")
    [(first, _)] = deployment.states()
    app = deployment.start()
    with app.app_context():
        old = create_refresh_token("ada")
    rotated = deployment.run("keys", "rotate")
    assert rotated.exit_code == 0, rotated.output
    assert sorted(state for _, state in deployment.states()) == ["active", "next"]
    ticking.tick(31)  # the process reads its keys again: published, and not signing yet
    assert kid_of_new_token(app) == first
    ticking.tick(2 * 30 + PUBLISHED_FOR)
    second = kid_of_new_token(app)
    assert second != first
    assert dict(deployment.states()) == {first: "retiring", second: "active"}
    with app.app_context():
        assert decode_token(old)["sub"] == "ada"
        latest = create_refresh_token("ada")
    ticking.tick(86_400)
    with app.app_context():
        assert decode_token(latest, allow_expired=True)["sub"] == "ada"
    ticking.tick(400)
    assert dict(deployment.states()) == {first: "retired", second: "active"}


def test_a_rotation_may_be_repeated(deployment: Deployment) -> None:
    """While a next key waits there is no other; both say the same."""
    deployment.run("keys", "generate")
    once = deployment.run("keys", "rotate")
    states = deployment.states()
    again = deployment.run("keys", "rotate")
    assert (again.exit_code, again.output) == (0, once.output)
    assert deployment.states() == states


def test_the_new_key_has_the_algorithm_of_the_last_or_another(deployment: Deployment) -> None:
    """An application may change its algorithm with a rotation, too."""
    deployment.run("keys", "generate", "--algorithm", "RS256")
    deployment.run("keys", "rotate", "--publish-for", "0")
    deployment.run("keys", "rotate", "--publish-for", "0", "--algorithm", "ES384")
    rows = json.loads(deployment.run("keys", "list", "--json").stdout)
    assert sorted(row["algorithm"] for row in rows) == ["ES384", "RS256", "RS256"]
    assert kid_of_new_token(deployment.start()) == next(
        row["kid"] for row in rows if row["algorithm"] == "ES384"
    )


def test_a_key_is_retired_at_once_and_not_while_it_signs(
    deployment: Deployment, ticking: Clock
) -> None:
    """Its tokens are refused; the one that signs is refused to be retired."""
    deployment.run("keys", "generate")
    app = deployment.start()
    [(first, _)] = deployment.states()
    with app.app_context():
        old = create_access_token("ada")
    refused = deployment.run("keys", "retire", first)
    assert refused.exit_code == 1
    assert "rotate first" in refused.output
    deployment.run("keys", "rotate", "--publish-for", "0")
    assert deployment.run("keys", "retire", first).exit_code == 0
    ticking.tick(31)
    with app.app_context(), pytest.raises(InvalidSignatureError):
        decode_token(old)
    for kid in ("nobody", "-KjR3vQ"):  # a thumbprint may begin with a hyphen
        unknown = deployment.run("keys", "retire", kid)
        assert (unknown.exit_code, "there is no key" in unknown.output) == (1, True)


def test_nothing_private_is_printed(deployment: Deployment, tmp_path: Path) -> None:
    """Not by any command; a private export goes to a new file of mode 600, or nowhere."""
    said = [deployment.run("keys", *words).output for words in (["generate"], ["rotate"])]
    said += [deployment.run("keys", *words).output for words in (["list"], ["export"])]
    out = tmp_path / "export.json"
    assert deployment.run("keys", "export", "--private").exit_code == 2
    said.append(deployment.run("keys", "export", "--private", "--out", str(out)).output)
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    private = json.loads(out.read_text())["keys"]
    assert len(private) == 2
    for jwk in private:
        assert not any(jwk["d"] in text for text in said)
    public = json.loads(deployment.run("keys", "export").stdout)["keys"]
    assert {jwk["kid"] for jwk in public} == {jwk["kid"] for jwk in private}
    assert not any("d" in jwk for jwk in public)
    again = deployment.run("keys", "export", "--private", "--out", str(out))
    assert again.exit_code == 1
    assert "can't be written: File exists" in again.output


def test_files_of_keys_are_their_owner_s(deployment: Deployment) -> None:
    """Mode 600, and no draft is left."""
    deployment.run("keys", "generate")
    deployment.run("keys", "rotate")
    files = list(deployment.keys.iterdir())
    assert {stat.S_IMODE(each.stat().st_mode) for each in files} <= {0o600}
    assert not [each for each in files if each.name.startswith(".")]


def test_without_the_option_it_is_named(tmp_path: Path) -> None:
    """An application with a secret has no keys to rotate here."""
    deployment = Deployment(tmp_path, "file")
    del deployment.config["JWT_KEYS"]
    deployment.config["JWT_SECRET_KEY"] = "KpXn2mVt8wQzR5yH3bJf7cLs9dGa4eNu6iTo1qWx0kY"
    result = deployment.run("keys", "rotate")
    assert result.exit_code == 1
    assert "JWT_KEYS is not set" in result.output
    assert "Traceback" not in result.output


def test_a_file_of_others_is_one_line(tmp_path: Path) -> None:
    """The mend is in it."""
    deployment = Deployment(tmp_path, "file")
    deployment.run("keys", "generate")
    (deployment.keys / "keys.json").chmod(0o644)
    result = deployment.run("keys", "rotate")
    assert result.exit_code == 1
    assert "chmod 600" in result.output


def test_a_secret_is_new_each_time_and_long_enough(tmp_path: Path) -> None:
    """It is good for every HS algorithm; as a JWK it names itself."""
    deployment = Deployment(tmp_path, "file")
    secrets = {deployment.run("secret").output.strip() for _ in range(3)}
    assert len(secrets) == 3
    for secret in secrets:
        assert Key.from_secret(secret, "HS512").weakness is None
    jwk = json.loads(deployment.run("secret", "--json").output)
    assert Key.from_jwk(jwk).algorithm == "HS512"
