"""The pages in a real browser."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.examples.auth_service.accounts import PASSWORD
from tests.examples.auth_service.running import Running

sync_api = pytest.importorskip("playwright.sync_api", reason="no Playwright to drive a browser")

ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def chromium() -> Iterator[sync_api.Browser]:
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("no Chromium to test the pages with")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(params=[(1280, 800), (390, 844)], ids=["desktop", "phone"])
def page(
    request: pytest.FixtureRequest, chromium: sync_api.Browser, service: Running
) -> Iterator[sync_api.Page]:
    """A page of a fresh browser; what the browser complains about fails the test."""
    width, height = request.param
    context = chromium.new_context(
        base_url=service.url, viewport={"width": width, "height": height}
    )
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda line: complaints.append(line.text))
    yield page
    context.close()
    # Chromium writes a line for each answer of 400 and above; those are ours to give.
    assert [line for line in complaints if "Failed to load resource" not in line] == []


FOCUSED = """() => document.querySelector("[autofocus]") === null
    || document.activeElement !== document.body"""


def fill(page: sync_api.Page, label: str, text: str) -> None:
    """Write into a field once the page has put the focus where it belongs, as a person would.

    Chromium complains about the `autofocus` of a page where something has the focus already.
    """
    page.wait_for_function(FOCUSED)
    page.get_by_label(label).fill(text)


def follow(page: sync_api.Page, role: str, name: str) -> None:
    """Click a link or a button that leads to another page, and wait until that page is whole.

    A click alone returns as soon as the answer begins, before there is a text in it.
    """
    with page.expect_navigation():
        page.get_by_role(role, name=name).click()


def test_one_registers_logs_out_and_logs_in(
    page: sync_api.Page, service: Running, tmp_path: Path
) -> None:
    """From the start page to the login, in, out, and in again, without a script."""
    email = f"{uuid.uuid4()}@example.org"
    page.goto("/")
    assert page.url == f"{service.url}/login?next=/"
    page.screenshot(path=tmp_path / "1-login.png")
    follow(page, "link", "Register")
    fill(page, "E-mail address", email)
    fill(page, "Password", PASSWORD)
    page.screenshot(path=tmp_path / "2-register.png")
    follow(page, "button", "Register")
    assert page.url == f"{service.url}/"
    assert page.get_by_text(email).is_visible()
    page.screenshot(path=tmp_path / "3-home.png")

    follow(page, "button", "Log out")
    assert page.url == f"{service.url}/login"
    assert page.context.cookies() == []
    page.goto("/")
    assert page.url == f"{service.url}/login?next=/"

    fill(page, "E-mail address", email)
    fill(page, "Password", "something else")
    follow(page, "button", "Log in")
    assert page.get_by_role("alert").inner_text() == "Wrong e-mail address or password."
    page.screenshot(path=tmp_path / "4-wrong.png")
    fill(page, "Password", PASSWORD)
    follow(page, "button", "Log in")
    assert page.url == f"{service.url}/"
    assert page.get_by_text(email).is_visible()


def test_one_ends_a_session_elsewhere(
    page: sync_api.Page, chromium: sync_api.Browser, service: Running, tmp_path: Path
) -> None:
    """The list shows both browsers; the button logs the other one out at once."""
    email = f"{uuid.uuid4()}@example.org"
    page.goto("/register")
    fill(page, "E-mail address", email)
    fill(page, "Password", PASSWORD)
    follow(page, "button", "Register")
    elsewhere = chromium.new_context(base_url=service.url)
    other = elsewhere.new_page()
    other.goto("/login")
    fill(other, "E-mail address", email)
    fill(other, "Password", PASSWORD)
    follow(other, "button", "Log in")
    assert other.get_by_text(email).is_visible()

    follow(page, "link", "Where you are logged in")
    assert page.get_by_role("listitem").count() == 2
    assert page.get_by_text("this one").count() == 1
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.screenshot(path=tmp_path / "5-sessions.png")
    follow(page, "button", "End")
    assert page.get_by_role("listitem").count() == 1
    other.goto("/")
    assert other.url == f"{service.url}/login?next=/"
    elsewhere.close()


def test_no_page_is_wider_than_the_screen(page: sync_api.Page, tmp_path: Path) -> None:
    """Also the documentation fits a phone, in the dark too."""
    page.emulate_media(color_scheme="dark")
    for path in ("/login", "/register", "/nowhere", "/api/v1/docs"):
        page.goto(path)
        page.screenshot(path=tmp_path / f"{path.strip('/').replace('/', '-')}.png", full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_another_site_s_form_is_refused(page: sync_api.Page, service: Running) -> None:
    """A real browser says that the login form came from elsewhere."""
    page.route(
        "http://evil.test/",
        lambda route: route.fulfill(
            content_type="text/html",
            body=f"""<form method="post" action="{service.url}/login">
                     <input name="email" value="eve@example.org">
                     <input name="password" value="{PASSWORD}"><button>Go</button></form>""",
        ),
    )
    page.goto("http://evil.test/")
    page.get_by_role("button").click()
    page.wait_for_url(f"{service.url}/login")
    assert page.get_by_role("heading", name="Forbidden").is_visible()
    assert page.context.cookies() == []
