"""What a refresh costs at the store, with claims that the session keeps."""

from __future__ import annotations

from typing import Any

from flask_signet import create_token_pair, decode_token, rotate_refresh_token, update_session
from flask_signet.sessions.session import Rotation
from flask_signet.stores.memory import MemoryStore
from tests.applications import application


class Counting(MemoryStore):
    """A store that writes down what it is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def rotate(self, *args: Any, **options: Any) -> Rotation:
        self.asked.append("rotate")
        rotation = super().rotate(*args, **options)
        self.asked.append(rotation.verdict)
        return rotation

    def change_memo(self, *args: Any, **options: Any) -> bool:
        self.asked.append("change_memo")
        return super().change_memo(*args, **options)


def test_a_refresh_is_one_write_and_only_a_changed_session_is_told_first() -> None:
    """Kept claims are known from the token; after `update_session` the row is told once."""
    store = Counting()
    app = application(JWT_SESSION_STORE=store)
    given = {"tenant": "ä", "roles": [{"b": 1.0, "a": None}], "big": 10**18}
    with app.test_request_context():
        pair = create_token_pair("ada", additional_claims=given, remember=True)

    def refresh() -> dict[str, Any]:
        nonlocal pair
        with app.test_request_context(headers={"Authorization": f"Bearer {pair.refresh_token}"}):
            pair = rotate_refresh_token()
            return decode_token(pair.access_token)

    for _ in range(3):
        assert {name: refresh()[name] for name in given} == given
    assert store.asked == ["rotate", "rotated"] * 9
    store.asked.clear()
    with app.app_context():
        assert update_session(pair.sid, claims={"tenant": "b"})
    assert refresh()["tenant"] == "b"
    assert store.asked == ["change_memo", "rotate", "changed", "rotate", "rotated"]
    store.asked.clear()
    assert refresh()["tenant"] == "b"
    assert store.asked == ["rotate", "rotated"]


def test_two_updates_at_once_are_one_after_the_other() -> None:
    """An update that another one overtook is made again, on what the other left."""
    store = MemoryStore()
    app = application(JWT_SESSION_STORE=store)
    with app.test_request_context():
        pair = create_token_pair("ada", remember=False)
    change, overtaken = store.change_memo, []

    def overtaking(sid: str, *, now: float, before: str, memo: str) -> bool:
        if not overtaken:
            overtaken.append(True)
            change(sid, now=now, before=before, memo="{" + before[1:].replace("{}", '{"n":1}'))
        return change(sid, now=now, before=before, memo=memo)

    store.change_memo = overtaking  # type: ignore[method-assign]  # the other update comes between
    with app.app_context():
        assert update_session(pair.sid, claims={"n": 2})
    with app.test_request_context(headers={"Authorization": f"Bearer {pair.refresh_token}"}):
        claims = decode_token(rotate_refresh_token().access_token)
    assert (claims["n"], claims["remembered"]) == (2, False)
