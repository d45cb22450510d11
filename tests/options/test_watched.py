"""A configuration counts its changes, whoever makes them, and stays what it was otherwise."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import patch

import pytest
from flask import Config, Flask

from flask_signet.options import reader as reader_module
from flask_signet.options.reader import OptionReader
from flask_signet.options.table import Settings
from flask_signet.options.watched import changes, watch
from tests.applications import application
from tests.conftest import Clock


def current(app: Flask) -> Settings:
    """The options by which a request of now would work."""
    found: Settings = app.extensions["flask-signet"][""].settings
    return found


@pytest.fixture
def config() -> Config:
    config = Flask("watched").config
    watch(config)
    config["A"] = 1
    return config


CHANGES: list[Callable[[Any], Any]] = [
    lambda config: config.__setitem__("A", 2),
    lambda config: config.__delitem__("A"),
    lambda config: config.update(A=2),
    lambda config: config.update({"A": 2}),
    lambda config: config.setdefault("B", 2),
    lambda config: config.pop("A"),
    lambda config: config.popitem(),
    lambda config: config.clear(),
    lambda config: config.__ior__({"A": 2}),
    lambda config: config.from_mapping(A=2),
    lambda config: config.from_object(type("Options", (), {"A": 2})),
    lambda config: config.from_prefixed_env(),
]


@pytest.mark.parametrize("change", CHANGES)
def test_each_way_to_change_it_counts(
    config: Config, change: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A method of a dictionary, or one of Flask's."""
    monkeypatch.setenv("FLASK_A", "2")
    before = changes(config)
    assert before is not None
    change(config)
    assert (changes(config) or 0) > before


def test_a_patch_of_a_test_counts_in_both_directions(config: Config) -> None:
    """As it sets the value, and as it takes it back."""
    counts = [changes(config)]
    with patch.dict(config, {"A": 5}):
        counts.append(changes(config))
    counts.append(changes(config))
    assert len(set(counts)) == 3
    assert config["A"] == 1


def test_a_change_that_fails_counts(config: Config) -> None:
    """Half of it may have been done."""

    def members() -> Iterator[tuple[str, Any]]:
        yield "A", 2
        raise ValueError

    before = changes(config)
    with pytest.raises(ValueError, match=r"^$"):
        config.update(members())
    assert config["A"] == 2
    assert changes(config) != before


def test_it_stays_the_object_and_the_kind_that_it_was() -> None:
    """Flask's methods work, and it is watched once."""

    class Own(Config):
        """An application's own."""

        def shout(self) -> str:
            return "!"

    config = Own("/", {"A": 1})
    watch(config)
    kind = type(config)
    watch(config)
    assert (type(config), kind.__name__, isinstance(config, Own)) == (kind, "Own", True)
    assert (config.shout(), config.root_path, repr(config)) == ("!", "/", "<Own {'A': 1}>")
    assert config.get_namespace("A") == {"": 1}
    assert config == {"A": 1}


def pickled(config: Config) -> Any:
    return pickle.loads(pickle.dumps(config))  # noqa: S301 - what was pickled here


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickled])
def test_a_copy_is_of_the_kind_that_it_was(config: Config, copied: Callable[[Any], Any]) -> None:
    """It is not watched."""
    made = copied(config)
    assert (type(made), made, made.root_path) == (Config, config, config.root_path)
    assert changes(made) is None


def test_a_class_that_allows_no_other_is_looked_at_each_time() -> None:
    """Nothing is an error: it costs a few microseconds more."""

    class Slots(dict[str, Any]):
        __slots__ = ("more",)

    config = Slots(A=1)
    watch(config)
    watch({})
    assert changes(config) is None


# ── the shorter look ─────────────────────────────────────────────────────────────────────


@pytest.fixture
def snapshots(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One item for each look at all options."""
    found: list[int] = []
    snapshot = OptionReader.snapshot

    def counted(reader: OptionReader, app_config: Any) -> tuple[Any, ...]:
        found.append(1)
        return snapshot(reader, app_config)

    monkeypatch.setattr(OptionReader, "snapshot", counted)
    return found


@pytest.fixture
def monotonic(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock(1000.0)
    monkeypatch.setattr(reader_module, "monotonic", clock)
    return clock


def test_while_nothing_changes_all_options_are_looked_at_once_a_second(
    snapshots: list[int], monotonic: Clock
) -> None:
    """So a change that went past every method is seen as well."""
    app = application()
    current(app)
    snapshots.clear()
    for _ in range(10):
        current(app)
    assert snapshots == []
    dict.__setitem__(app.config, "JWT_DECODE_LEEWAY", 7)
    assert current(app).leeway == 0
    monotonic.tick(1)
    assert current(app).leeway == 7
    assert len(snapshots) == 1


@pytest.mark.parametrize("name", ["TOKEN_LOCATION", "CSRF_METHODS", "DECODE_ALGORITHMS"])
def test_a_list_that_is_edited_in_place_counts_at_once(name: str) -> None:
    """As with Flask-JWT-Extended."""
    app = application(
        TOKEN_LOCATION=["headers"], CSRF_METHODS=["POST"], DECODE_ALGORITHMS=["HS256"]
    )
    current(app)
    added = {"TOKEN_LOCATION": "cookies", "CSRF_METHODS": "PUT", "DECODE_ALGORITHMS": "HS512"}
    app.config[f"JWT_{name}"].append(added[name])
    found = {
        "TOKEN_LOCATION": current(app).token_location,
        "CSRF_METHODS": current(app).csrf_request_methods,
        "DECODE_ALGORITHMS": current(app).listed_algorithms,
    }
    assert added[name] in found[name]


def test_another_configuration_in_its_place_counts() -> None:
    """An application may exchange the whole object."""
    app = application()
    assert current(app).leeway == 0
    app.config = Config("/", {**app.config, "JWT_DECODE_LEEWAY": 9})
    assert current(app).leeway == 9
    app.config["JWT_DECODE_LEEWAY"] = 8
    assert current(app).leeway == 8
