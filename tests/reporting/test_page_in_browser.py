"""The page in a real browser, from disk: it is quiet, asks for nothing, sorts, filters, and fits a phone."""

import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest

from recclaims.reporting.page import Page

from .documents import large
from .test_page import MARKUP, hostile

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 900}


@pytest.fixture(scope="module")
def browser():
    """A browser of the system's own; skips where there is none."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="the package playwright is not installed")
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        pytest.skip(f"no browser here: looked for {', '.join(BROWSERS)}")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "results.html"
    path.write_text(Page().render(large(3, 4)), encoding="utf-8")
    return path


def watch(page):
    """A list that fills with all that the page says and asks for, besides its own file."""
    heard = []
    page.on("console", lambda message: heard.append(message.text))
    page.on("pageerror", lambda error: heard.append(str(error)))
    page.on("dialog", lambda dialog: (heard.append(dialog.message), dialog.dismiss()))
    page.on("request", lambda request: request.url.startswith(("data:", "file:")) or heard.append(request.url))
    return heard


@pytest.fixture
def visit(browser):
    """Open a file; when the test is over, the page must have been silent and have asked for nothing."""
    visits = []

    def visit(path, viewport=DESKTOP, **options):
        context = browser.new_context(viewport=viewport, **options)
        page = context.new_page()
        visits.append((context, watch(page)))
        page.goto(path.as_uri())
        return page

    yield visit
    for context, heard in visits:
        context.close()
        assert heard == []


def test_the_watch_would_notice(browser, tmp_path):
    path = tmp_path / "loud.html"
    path.write_text("<img src='http://127.0.0.1:9/x'><script>console.log('said'); nothing()</script>")
    context = browser.new_context()
    page = context.new_page()
    heard = watch(page)
    page.goto(path.as_uri())
    context.close()
    assert "http://127.0.0.1:9/x" in heard
    assert "said" in heard
    assert any("nothing is not defined" in message for message in heard)


def shown(page, label):
    """The texts of a column, in the rows that are to be seen, from the top."""
    return page.locator(f"#table tbody tr:not([hidden]) td[data-label='{label}']").all_text_contents()


def choice(page, key):
    """The control that chooses by a column."""
    return page.locator(f"#controls select[data-key='{key}']")


def effects(page):
    return [float(text.split(" %")[0]) for text in shown(page, "effect")]


def test_it_sorts_by_a_click_and_back(visit, file):
    page = visit(file)
    before = effects(page)
    header = page.locator("th[data-key='effect']")
    header.get_by_role("button").click()
    assert header.get_attribute("aria-sort") == "ascending"
    assert effects(page) == sorted(before) != before
    header.get_by_role("button").click()
    assert header.get_attribute("aria-sort") == "descending"
    assert effects(page) == sorted(before, reverse=True)
    page.get_by_role("button", name="Reset").click()
    page.wait_for_selector("[aria-sort]", state="detached")
    assert effects(page) == before


def test_it_sorts_and_filters_by_keyboard_alone(visit, file):
    page = visit(file)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    for _ in range(3):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "search":
            break
    page.keyboard.type("encoder-3 TWIN")
    assert set(shown(page, "treatment")) == {"encoder-3"}
    assert set(shown(page, "control")) == {"twin"}
    assert page.locator("#status").inner_text() == "6 of 216 cases"
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == "effect, % [95 % interval]":
            break
    page.keyboard.press("Space")
    assert effects(page) == sorted(effects(page))
    assert page.locator("th[aria-sort=ascending]").count() == 1


def test_every_choice_filters(visit, file):
    page = visit(file)
    choice(page, "verdict").select_option("contradicted")
    choice(page, "recommender").select_option("recommender-1")
    assert set(shown(page, "recommender")) == {"recommender-1"}
    assert all("contradicted" in text for text in shown(page, "verdict"))
    assert len(shown(page, "verdict")) > 3


def test_the_board_leads_to_its_cases(visit, file):
    page = visit(file)
    link = page.locator(".board a.verdict").first
    count = int("".join(filter(str.isdigit, link.inner_text())))
    link.click()
    assert len(shown(page, "verdict")) == count
    assert page.locator("#status").inner_text() == f"{count} of 216 cases"
    assert page.url.endswith("#cases")


def test_empty_values_stay_last_either_way(visit, tmp_path):
    path = tmp_path / "results.html"
    path.write_text(Page().render(hostile()), encoding="utf-8")
    page = visit(path)
    button = page.locator("th[data-key='effect']").get_by_role("button")
    for _ in range(2):
        button.click()
        assert [bool(text) for text in shown(page, "effect")] == [True, True, True, False]


def test_markup_in_names_is_shown_as_it_is(visit, tmp_path):
    path = tmp_path / "results.html"
    path.write_text(Page().render(hostile()), encoding="utf-8")
    page = visit(path)
    assert MARKUP in shown(page, "recommender")
    choice(page, "recommender").select_option(MARKUP)
    assert set(shown(page, "recommender")) == {MARKUP}


@pytest.mark.parametrize("viewport", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_it_fits_its_window_and_shows_one_layout_of_each_plot(visit, file, viewport):
    page = visit(file, viewport)
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    page.locator("details").evaluate_all("all => all.forEach(one => one.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    layouts = {name: page.locator(f".{name} svg:visible").count() for name in ("wide", "narrow")}
    assert sorted(layouts.values()) == [0, 4]
    assert layouts["narrow" if viewport is PHONE else "wide"] == 4
    font = page.locator("svg.plot:visible text").first
    scale = font.evaluate("text => text.getScreenCTM().a")
    assert 12 * scale >= 11  # pixels: legible


#: What stands outside the window or is wider than its own box, but for what scrolls and what only screen readers read.
CLIPPED = """() => [...document.querySelectorAll("body *")].filter((e) => {
  if (e.closest("svg, .scroll, .skip, [hidden]")) return false;
  if (matchMedia("(max-width: 56rem)").matches && e.closest("#table thead")) return false;
  const style = getComputedStyle(e), box = e.getBoundingClientRect();
  if (style.display === "none" || !box.width || !box.height) return false;
  const wider = style.overflowX === "visible" && style.display !== "inline" && e.scrollWidth > e.clientWidth + 2;
  return box.right > document.documentElement.clientWidth + 1 || box.left < -1 || wider;
}).map((e) => `${e.tagName} ${e.className} ${e.textContent.slice(0, 40)}`)"""


@pytest.mark.parametrize("width", [1400, 1100, 768, 390])
def test_nothing_is_clipped(visit, file, width):
    page = visit(file, {"width": width, "height": 900})
    assert page.evaluate(CLIPPED) == []


def test_a_table_that_scrolls_says_so_and_keeps_its_head(visit, file):
    page = visit(file, PHONE)
    assert page.locator("#side .cue").first.is_visible()
    assert page.locator("#side thead th").first.evaluate("e => getComputedStyle(e).position") == "sticky"
    assert not visit(file).locator("#encoders .cue").is_visible()


def test_a_phone_shows_the_first_comparison_of_each_row_without_scrolling(visit, file):
    page = visit(file, PHONE)
    first = page.locator(".side tbody tr").first
    box = first.locator("td:visible").nth(1).bounding_box()  # after the features
    assert "%" not in first.locator("td:visible").nth(0).inner_text()
    assert "[" in first.locator("td:visible").nth(1).inner_text()
    assert box["x"] + box["width"] <= PHONE["width"]


def test_it_prints_as_tables_and_wide_plots_on_paper(visit, file):
    page = visit(file, {"width": 720, "height": 1000})  # A4 within its margins, which a screen would take for a phone's
    assert page.locator("#table tbody tr").first.evaluate("e => getComputedStyle(e).display") == "block"
    page.locator("details").evaluate_all("all => all.forEach(one => one.open = true)")
    page.emulate_media(media="print")
    assert page.locator("#table tbody tr").first.evaluate("e => getComputedStyle(e).display") == "table-row"
    assert page.locator(".wide svg:visible").count() == 4
    assert page.locator(".narrow svg:visible").count() == 0
    assert not page.locator("nav, form, .save, .cue").locator("visible=true").count()
    assert page.evaluate("document.documentElement.scrollWidth") <= 720
    assert page.evaluate(CLIPPED) == []
    assert page.pdf(format="A4").startswith(b"%PDF")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_plots_can_be_saved_in_the_colours_of_the_light_page(visit, file, scheme):
    page = visit(file, color_scheme=scheme)
    saved = {}
    for kind in ("SVG", "PNG"):
        with page.expect_download() as download:
            page.locator("#effects .save").first.get_by_text(kind).click()
        assert download.value.suggested_filename.endswith(f".{kind.lower()}")
        saved[kind] = Path(download.value.path()).read_bytes()
    assert saved["PNG"].startswith(b"\x89PNG")
    assert len(saved["PNG"]) > 5_000
    svg = ElementTree.fromstring(saved["SVG"])  # noqa: S314 - our own drawing
    assert svg.tag == "{http://www.w3.org/2000/svg}svg"
    assert b"var(" not in saved["SVG"]
    assert b"#1b1f24" in saved["SVG"]


@pytest.mark.parametrize("viewport", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_a_command_is_shown_whole(visit, file, viewport):
    page = visit(file, viewport)
    page.locator("#table summary").first.click()
    code = page.locator("#table code").first
    box = code.bounding_box()
    assert box["x"] + box["width"] <= viewport["width"]
    assert code.evaluate("code => code.scrollWidth <= code.clientWidth")


def test_it_sorts_on_a_phone(visit, file):
    page = visit(file, PHONE)
    page.get_by_label("Sort by").select_option("effect down")
    assert effects(page) == sorted(effects(page), reverse=True)


@pytest.mark.parametrize(("scheme", "dark"), [("light", False), ("dark", True)])
def test_page_and_plots_follow_the_readers_mode(visit, file, scheme, dark):
    page = visit(file, color_scheme=scheme)

    def brightness(selector, property_):
        colour = page.locator(selector).first.evaluate(f"e => getComputedStyle(e).{property_}")
        return sum(int(part) for part in colour[colour.index("(") + 1 : -1].split(",")[:3]) / 765

    assert (brightness("body", "backgroundColor") < 0.2) is dark
    assert (brightness(".wide text", "fill") > 0.8) is dark


def test_without_scripts_every_case_is_there(visit, file):
    page = visit(file, java_script_enabled=False)
    assert page.locator("#table tbody tr").count() == 216
    assert not page.locator("#controls").is_visible()
