"""The pages under test, and the browser that opens them."""

import os
import pathlib
import shutil

import pytest
from playwright.sync_api import sync_playwright

import spans

VIEWS = [(width, scheme) for width in (1280, 390) for scheme in ("light", "dark")]


@pytest.fixture(scope="session")
def binary():
    """The program under test."""
    path = pathlib.Path(os.environ["FLUO_TEST_BINARY"]).resolve()
    assert path.is_file(), f"FLUO_TEST_BINARY: there is no {path}"
    return str(path)


@pytest.fixture(scope="session")
def browser():
    """The system's Chromium, without a window."""
    path = os.environ.get("FLUO_TEST_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    assert path, "there is no chromium; FLUO_TEST_CHROMIUM may name one"
    with sync_playwright() as playwright:
        # It runs as root in containers, where it cannot make its own sandbox.
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def pages(binary, tmp_path_factory):
    """Files of pages, by name."""
    folder = tmp_path_factory.mktemp("pages")
    spans.fluo(binary, "demo", "--out", "demo", "--start", "2026-11-22T11:00:00Z", cwd=folder)
    return {
        "demo": folder / "demo" / "report.html",
        "live": spans.live(binary, folder / "live"),
        "hostile": spans.report(binary, folder / "hostile", spans.HOSTILE_RULES, spans.hostile_spans()),
    }


@pytest.fixture(params=VIEWS, ids=lambda view: f"{view[0]}-{view[1]}")
def open_page(browser, request):
    """Opens a page in a window of a width and a colour scheme. What it says on its console is an error."""
    width, scheme = request.param
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    said = []

    def open_page(file):
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda asked: said.append(asked.url) if asked.url != file.as_uri() else None)
        page.goto(file.as_uri())
        where = os.environ.get("FLUO_TEST_SCREENSHOTS")
        if where:
            name = request.node.name.replace("/", "-")
            page.screenshot(path=f"{where}/{name}.png", full_page=True)
        return page

    yield open_page
    context.close()
    assert said == [], "the page loads nothing, runs nothing, and its policy forbids nothing that it needs"
