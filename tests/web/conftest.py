"""Pages of a real server in a real browser."""
import pytest
from web_server import site


@pytest.fixture(scope="session")
def chromium():
    """A browser for all tests of this process."""
    browser = pytest.importorskip("browser", reason="Selenium is not installed")
    reason = browser.missing()
    if reason:
        pytest.skip(reason)
    with browser.running() as driver:
        yield driver


@pytest.fixture
def open_page(chromium):
    """Open windows: open_page(size="desk", dark=False, scripts=()). They are closed at the end."""
    import browser  # Selenium's import takes long where there is no need for it
    pages = []

    def open_page(**options):
        pages.append(browser.Page(chromium, **options))
        return pages[-1]

    yield open_page
    for page in pages:
        page.close()


@pytest.fixture
def server():
    """A server with all protocols, and a few accounts."""
    with site() as running:
        yield running
