"""Take the documentation's pictures: run by `./dev screenshots` beside a demo."""

import os
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

URL = os.environ["RELANCE_URL"]
FOLDER = Path(__file__).resolve().parent.parent / "docs" / "images"


def log_in(page: Page, login: str = "admin") -> None:
    """Log in to the demo, where every password is the login."""
    page.goto(f"{URL}/web/login")
    page.fill("input[name=login]", login)
    page.fill("input[name=password]", login)
    page.click("button[type=submit]")
    page.wait_for_selector(".o_main_navbar")


def main() -> None:
    """Take every picture."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ["RELANCE_CHROMIUM"],
            # Chromium has no sandbox for root, and sees nothing but our own Odoo.
            args=["--no-sandbox"] if os.geteuid() == 0 else [],
        )
        page = browser.new_page(locale="fr-FR", viewport={"width": 1366, "height": 800})
        log_in(page)
        page.screenshot(path=FOLDER / "accueil.png")
        browser.close()


if __name__ == "__main__":
    main()
