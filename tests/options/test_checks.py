"""What each option takes, and what an application hears of a wrong value."""

from typing import Any

import pytest

from flask_signet.exceptions import ConfigurationError
from tests.applications import application
from tests.options.rows import ATTRIBUTES, TABLE, cases, current, refusal


@pytest.mark.parametrize(("name", "case"), cases("good"))
def test_what_an_option_takes(name: str, case: tuple[Any, Any]) -> None:
    """An option takes these values, and they mean this."""
    written, meant = case
    app = application(**TABLE[name]["together"], **{name: written})
    found = getattr(current(app), ATTRIBUTES[name])
    assert found == meant
    assert type(found) is type(meant)


@pytest.mark.parametrize(("name", "value"), cases("bad"))
def test_what_an_option_refuses(name: str, value: Any) -> None:
    """Any other value stops the application at its start, with the option's name in the error."""
    message = refusal(**{name: value})
    assert message.startswith(f"JWT_{name} takes {TABLE[name]['takes']}")


@pytest.mark.parametrize(("name", "value"), cases("bad"))
def test_what_an_option_refuses_later(name: str, value: Any) -> None:
    """The same value is refused when it comes later; and the right one is taken again."""
    app = application()
    good = app.config[f"JWT_{name}"]
    app.config[f"JWT_{name}"] = value
    with pytest.raises(ConfigurationError, match=f"^JWT_{name} takes "):
        current(app)
    app.config[f"JWT_{name}"] = good
    current(app)
