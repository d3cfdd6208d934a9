"""`make screenshots`: pictures of every page, light and dark, wide and narrow, with accessibility findings.

    python -m tools.screenshots [NAME ...]

Starts the product with its demo in a folder of its own and visits tools/pages.py, with a browser for each width, side
by side. Writes, in screenshots/,
`<name>-<width>-<theme>.png` and `.json` (findings of axe, complaints of the browser, overflow), `index.html` and
`summary.txt`, and the pictures of the README in docs/images/. Exits 1 on serious or critical findings, complaints of
the browser, pages wider than the window, or unexpected answers. With NAMEs only those pages.
"""

from __future__ import annotations

import html
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Error
from playwright.sync_api import Page as Tab

from tests.browser import Complaints, findings, overflow, running_chromium, serious, sign_in
from tests.product import PROJECT, Product, running_product
from tools.pages import PAGES, VIEWER, VISITOR, Page, Places, places

PEOPLE = 2_000
WIDTHS = {1440: 900, 390: 844}
THEMES = ("light", "dark")
# What axe's other rules look at is the same in both themes.
RULES_OF_COLORS = ("color-contrast", "link-in-text-block")
# Nothing here needs a GPU; one process for all pages keeps the compiled scripts and styles.
ARGUMENTS = ("--disable-gpu", "--renderer-process-limit=1")
# In a picture of the whole page, what sticks to an edge of the window would cover what is below it.
UNSTICK = """() => {
    scrollTo(0, 0);
    for (const bar of document.querySelectorAll(".footer-bar, .trial__run")) bar.style.position = "static";
}"""
PICTURE_MS = 120_000
FOLDER = PROJECT / "screenshots"
IMAGES = PROJECT / "docs" / "images"


@dataclass(kw_only=True)
class Shot:
    """One picture and all that is wrong with it."""

    name: str
    width: int
    theme: str
    url: str
    problems: list[str] = field(default_factory=list)
    findings: list[dict[str, Any]] = field(default_factory=list)

    @property
    def stem(self) -> str:
        return f"{self.name}-{self.width}-{self.theme}"

    @property
    def faults(self) -> list[str]:
        """What fails the run: problems and findings that are serious or critical."""
        return self.problems + [
            f"{found['impact']}: {found['id']}: {found['help']} ({len(found['nodes'])} elements)"
            for found in serious(self.findings)
        ]


def take(product: Product, where: Places, pages: Sequence[Page]) -> list[Shot]:
    """Every page in every width and theme; each is loaded once a width."""
    with ThreadPoolExecutor(len(WIDTHS)) as pool:
        # Back to front at every second width: no two browsers act on one page at one time.
        runs = [
            pool.submit(_at_width, product, where, pages if number % 2 == 0 else pages[::-1], width)
            for number, width in enumerate(WIDTHS)
        ]
        return [shot for run in runs for shot in run.result()]


def _at_width(product: Product, where: Places, pages: Sequence[Page], width: int) -> list[Shot]:
    shots: list[Shot] = []
    with running_chromium(*ARGUMENTS) as chromium, _visitors(product, chromium, where, width) as visitors:
        for number, page in enumerate(pages, 1):
            shots += _shots(visitors[page.who], page, where, width)
            print(f"{width:>5} {number:>4}/{len(pages)}  {page.name}", flush=True)
    return shots


@contextmanager
def _visitors(product: Product, chromium: Browser, where: Places, width: int) -> Iterator[dict[str, BrowserContext]]:
    """A browser profile for each kind of visitor, signed in where it is somebody."""
    opened: dict[str, BrowserContext] = {}
    for who in ("owner", VIEWER, VISITOR):
        opened[who] = chromium.new_context(
            base_url=product.url,
            viewport={"width": width, "height": WIDTHS[width]},
            reduced_motion="reduce",
            locale="en-US",
            timezone_id="UTC",
        )
    _sign_in(opened["owner"], product)
    viewer = {**product.demo, "email": where.viewer_email, "password": where.viewer_password}
    _sign_in(opened[VIEWER], replace(product, demo=viewer))
    try:
        yield opened
    finally:
        for context in opened.values():
            context.close()


def _sign_in(context: BrowserContext, product: Product) -> None:
    tab = context.new_page()
    sign_in(tab, product)
    tab.close()


def _shots(context: BrowserContext, page: Page, where: Places, width: int) -> list[Shot]:
    tab = context.new_page()
    complaints = Complaints()
    complaints.listen(tab)
    url = page.path.format(**where.values)
    shots = []
    try:
        tab.emulate_media(color_scheme="light", reduced_motion="reduce")
        problems = _open(tab, page, url)
        problems += complaints.take()  # not later: axe writes inline styles, which the content policy reports
        for theme in THEMES:
            tab.emulate_media(color_scheme=theme, reduced_motion="reduce")
            shot = Shot(name=page.name, width=width, theme=theme, url=url, problems=list(problems))
            try:
                _examine(tab, shot, page)
            except Error as error:
                shot.problems.append(f"could not be examined: {str(error).splitlines()[0]}")
            (FOLDER / f"{shot.stem}.json").write_text(json.dumps(asdict(shot), indent=2))
            shots.append(shot)
    finally:
        tab.close()
    return shots


def _open(tab: Tab, page: Page, url: str) -> list[str]:
    """Load the page and do what it asks for; what went wrong."""
    try:
        response = tab.goto(url, wait_until="networkidle")
        if response is not None and response.status != page.status:
            return [f"answered {response.status}, not {page.status}"]
        if page.act is not None:
            page.act(tab)
            tab.wait_for_load_state("networkidle")
    except (Error, AssertionError) as error:
        return [f"could not be shown: {str(error).splitlines()[0]}"]
    return []


def _examine(tab: Tab, shot: Shot, page: Page) -> None:
    if wider := overflow(tab):
        shot.problems.append(f"{wider} pixels wider than the window")
    _picture(tab, shot, page)
    shot.findings = findings(tab, () if shot.theme == THEMES[0] else RULES_OF_COLORS)


def _picture(tab: Tab, shot: Shot, page: Page) -> None:
    path = FOLDER / f"{shot.stem}.png"
    # A side sheet fills the window, not the page.
    is_sheet_open = tab.locator("dialog[open]").count() > 0
    if not is_sheet_open:
        tab.evaluate(UNSTICK)
    tab.screenshot(path=path, full_page=not is_sheet_open, animations="disabled", caret="hide", timeout=PICTURE_MS)
    if page.image and shot.theme == "light" and shot.width == max(WIDTHS):
        IMAGES.mkdir(parents=True, exist_ok=True)
        tab.screenshot(path=IMAGES / f"{page.image}.png", animations="disabled", caret="hide")


def write_summary(shots: Sequence[Shot]) -> str:
    """summary.txt and index.html; the text."""
    faulty = [shot for shot in shots if shot.faults]
    minor = sum(len(shot.findings) - len(serious(shot.findings)) for shot in shots)
    lines = [f"{len(shots)} pictures, {len(faulty)} with faults, {minor} findings that are not serious"]
    for shot in faulty:
        lines += [shot.stem, *(f"  {fault}" for fault in shot.faults)]
    text = "\n".join(lines) + "\n"
    (FOLDER / "summary.txt").write_text(text)
    figures = "".join(
        f'<figure><a href="{shot.stem}.png"><img loading="lazy" width="360" src="{shot.stem}.png" alt=""></a>'
        "<figcaption>"
        f'<a href="{shot.stem}.json">{html.escape(shot.stem)}</a>'
        f"{''.join(f'<br><strong>{html.escape(fault)}</strong>' for fault in shot.faults)}</figcaption></figure>"
        for shot in sorted(shots, key=lambda shot: shot.stem)
    )
    (FOLDER / "index.html").write_text(
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Screenshots</title><h1>{lines[0]}</h1>'
        f"<div style='display:flex;flex-wrap:wrap;align-items:start;font:13px system-ui'>{figures}</div></html>"
    )
    return text


def main(names: Sequence[str]) -> int:
    unknown = set(names) - {page.name for page in PAGES}
    if unknown:
        print(f"error: no page is named {', '.join(sorted(unknown))}; see tools/pages.py", file=sys.stderr)
        return 2
    if not names:
        shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(exist_ok=True)
    wanted = [page for page in PAGES if page.name in names or not names]
    with tempfile.TemporaryDirectory() as folder, running_product(Path(folder) / "data", people=PEOPLE) as product:
        product.wait_idle()
        shots = take(product, places(product), wanted)
    print(write_summary(shots), end="")
    print(f"{FOLDER}/index.html")
    return 1 if any(shot.faults for shot in shots) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
