"""Take the documentation's pictures: run by `./dev screenshots` beside a demo.

The pictures tell one story, in the order of this file: the settings as the
administrator sees them, then a morning of the accountant's, then the entity that
reminds by invoice. Each function takes one, named like the function. RELANCE_URL says
where the demo answers, RELANCE_MAILS where its mails are caught.
"""

import os
import time
from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from html import escape
from io import BytesIO
from itertools import chain
from pathlib import Path

import pymupdf
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, sync_playwright

URL = os.environ["RELANCE_URL"]
MAILS = Path(os.environ["RELANCE_MAILS"])
FOLDER = Path(__file__).resolve().parent.parent / "docs" / "images"

SIZE = {"width": 1500, "height": 900}
#: For what is made in the background: letters, invoices, mails.
PATIENCE_MS = 180_000
LETTER_DPI = 110
#: The days late of the entries that the accountant reminds.
DELAY = ("5", "18")
#: The branch of the entity that everybody works in.
BRANCH = "Garonne Finance – Mérignac"
#: The entity that reminds by invoice.
AUTOMATIC = "Adour Distribution"
#: Levels reached elsewhere, as a person writes them, mistakes included.
PAST_LEVELS = """Facture;Niveau;Date
2019000041;Niveau 2;{date}
2020010008;Pré relance;{date}
2020010099;Niveau 1;{date}
2020010009;Niveau 9;{date}
"""

#: Resolves once the page has not changed for half a second and Odoo loads nothing.
STILL = """() => new Promise((resolve) => {
    const check = () => {
        if (document.querySelector(".o_loading_indicator")) {
            restart();
        } else {
            observer.disconnect();
            resolve();
        }
    };
    const restart = () => {
        clearTimeout(timer);
        timer = setTimeout(check, 500);
    };
    const observer = new MutationObserver(restart);
    const changes = {attributes: true, characterData: true, childList: true};
    observer.observe(document.body, {subtree: true, ...changes});
    let timer = setTimeout(check, 500);
})"""

Picture = Callable[[Page], None]

#: What to take, in order: the login of who sees it, the entity he works in unless it is
#: his own, and the function.
PICTURES: list[tuple[str, str | None, Picture]] = []


def seen_by(login: str, company: str | None = None) -> Callable[[Picture], Picture]:
    """Register a function that takes a picture."""

    def register(picture: Picture) -> Picture:
        PICTURES.append((login, company, picture))
        return picture

    return register


def main() -> None:
    """Take every picture."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ["RELANCE_CHROMIUM"],
            # Chromium has no sandbox for root, and sees nothing but our own Odoo.
            args=["--no-sandbox"] if os.geteuid() == 0 else [],
        )
        pages: dict[tuple[str, str | None], Page] = {}
        for login, company, picture in PICTURES:
            if (login, company) not in pages:
                pages[login, company] = log_in(browser, login, company)
            print(f"    {file_name(picture)}", flush=True)
            picture(pages[login, company])
        browser.close()


# === CAMERA === #


def log_in(browser: Browser, login: str, company: str | None) -> Page:
    """Return a page where someone works in an entity; every password is the login."""
    context = browser.new_context(
        locale="fr-FR", timezone_id="Europe/Paris", viewport=SIZE
    )
    page = context.new_page()
    page.goto(f"{URL}/web/login")
    page.fill("input[name=login]", login)
    page.fill("input[name=password]", login)
    page.click("button[type=submit]")
    page.wait_for_selector(".o_main_navbar")
    if company:
        page.click(".o_switch_company_menu button")
        with page.expect_navigation():
            page.click(f".o_switch_company_item:has-text('{company}') .log_into")
        page.wait_for_selector(f".o_switch_company_menu:has-text('{company}')")
    return page


def file_name(picture: Picture) -> str:
    """Return the name of the file of a picture."""
    return f"{picture.__name__.replace('_', '-')}.png"


def take(
    picture: Picture, page: Page, width=SIZE["width"], height=SIZE["height"]
) -> None:
    """Take a picture of the upper left part of a page."""
    come_to_rest(page)
    clip = {"x": 0, "y": 0, "width": width, "height": height}
    keep(picture, page.screenshot(clip=clip, animations="disabled", caret="hide"))


def take_dialog(picture: Picture, page: Page) -> None:
    """Take a picture of the dialog that is open, the foremost of several."""
    come_to_rest(page)
    dialog = page.locator(".modal-content").last
    keep(picture, dialog.screenshot(animations="disabled", caret="hide"))


def come_to_rest(page: Page) -> None:
    """Wait until nothing moves, with nothing pointed at and no tooltip."""
    page.mouse.move(SIZE["width"] / 2, 2)
    settle(page)
    page.locator(".o-tooltip").wait_for(state="hidden")
    page.evaluate("document.fonts.ready")


def settle(page: Page) -> None:
    """Wait until a page has not changed for a while."""
    page.evaluate(STILL)


def keep(picture: Picture, content: bytes) -> None:
    """Write a picture; 256 colours show a screen as well, in a third of the space."""
    image = Image.open(BytesIO(content)).convert("RGB")
    method, dither = Image.Quantize.MAXCOVERAGE, Image.Dither.NONE
    reduced = image.quantize(256, method=method, dither=dither)
    reduced.putpalette(chain.from_iterable(true_colors(image, reduced)))
    reduced.save(FOLDER / file_name(picture), optimize=True)


def true_colors(image: Image.Image, reduced: Image.Image) -> list[tuple]:
    """Return, for each colour of a reduced image, the commonest that it stands for."""
    pixels = zip(*(iter(image.tobytes()),) * 3, strict=True)
    counted = Counter(zip(reduced.tobytes(), pixels, strict=True))
    colors = [(0, 0, 0)] * 256
    for (index, color), _count in reversed(counted.most_common()):
        colors[index] = color
    return colors


# === MOVING AROUND === #


def open_list(page: Page, path: str) -> None:
    """Open a list of records that is not empty."""
    page.goto(f"{URL}/odoo/{path}")
    page.wait_for_selector(".o_list_view .o_data_row")


def row(page: Page, text: str) -> Locator:
    """Return the first row of a list with a text in it."""
    return page.locator(".o_data_row", has_text=text).first


def open_row(page: Page, text: str) -> None:
    """Open the record of a row."""
    row(page, text).locator(".o_data_cell").nth(1).click()
    page.wait_for_selector(".o_form_view .o_form_sheet")
    settle(page)


def open_tab(page: Page, name: str) -> None:
    """Open a tab of a form."""
    page.click(f".o_notebook a[name={name}]")


def open_settings(page: Page) -> None:
    """Open the settings at the block of the reminders."""
    page.goto(f"{URL}/odoo/action-account.action_account_config")
    title = page.locator("h2", has_text="Relances")
    title.wait_for()
    title.evaluate("title => title.scrollIntoView()")


def open_menu(page: Page) -> None:
    """Open the menu « Relances »."""
    page.click("[data-menu-xmlid='relance_numm.menu_relance']")
    page.wait_for_selector("[data-menu-xmlid='relance_numm.menu_relance_item']")


def show_all(page: Page) -> None:
    """Remove the criteria of a list."""
    removals = page.locator(".o_facet_remove")
    while count := removals.count():
        removals.first.click()
        page.wait_for_function(
            "n => document.querySelectorAll('.o_facet_remove').length < n", arg=count
        )
    settle(page)


def search_customers(page: Page, *names: str) -> None:
    """Show the rows of some customers only."""
    for name in names:
        page.fill(".o_searchview_input", name)
        suggestions = page.locator(".o_searchview_autocomplete")
        suggestions.get_by_text("Pièce ou client").first.wait_for()
        page.keyboard.press("Enter")
        page.wait_for_selector(f".o_searchview_facet:has-text('{name}')")
    settle(page)


def search_delay(page: Page, start: str, end: str) -> None:
    """Show the rows that are late by so many days."""
    page.fill("#relance_delay_from", start)
    page.fill("#relance_delay_to", end)
    page.click(".o_relance_delay_search")
    page.wait_for_selector(".o_searchview_facet:has-text('Retard compris')")
    settle(page)


def open_choices(page: Page, text: str, field: str) -> None:
    """Open the list of choices of a field, in a row of the dialog."""
    cell = row(page.locator(".modal"), text).locator(f"td[name={field}]")
    cell.click()
    cell.locator("input").click()
    page.wait_for_selector(".o-autocomplete--dropdown-item")


def until(page: Page, condition: Callable[[], bool]) -> None:
    """Reload a page until the background work has come so far."""
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"Nothing more happens at {page.url}")
        page.wait_for_timeout(2000)
        page.reload()
        page.wait_for_selector(".o_data_row, .o_form_sheet")
        settle(page)


# === THE SETTINGS === #


@seen_by("admin")
def menu(page: Page) -> None:
    """The menu of the reminders, with its configuration."""
    open_list(page, "gestion-relances")
    open_menu(page)
    take(menu, page, width=900, height=560)


@seen_by("admin")
def settings(page: Page) -> None:
    """What is set for the company."""
    open_settings(page)
    take(settings, page, height=470)


@seen_by("admin")
def templates(page: Page) -> None:
    """The list of templates."""
    open_list(page, "action-relance_numm.relance_template_action")
    take(templates, page, height=340)


@seen_by("admin")
def template_email(page: Page) -> None:
    """The email of a template."""
    open_list(page, "action-relance_numm.relance_template_action")
    open_row(page, "Modèle Niveau 1")
    page.wait_for_selector("[name=signature] .odoo-editor-editable")
    take(template_email, page)


@seen_by("admin")
def template_placeholder(page: Page) -> None:
    """The list that fields are inserted from."""
    subject = page.locator("[name=subject] textarea, [name=subject] input").first
    subject.click()
    subject.press("End")
    subject.press_sequentially(" #")
    page.wait_for_selector(".o_model_field_selector_popover_item")
    take(template_placeholder, page)
    page.keyboard.press("Escape")
    page.click(".o_form_button_cancel")


@seen_by("admin")
def template_letter(page: Page) -> None:
    """The letter of a template."""
    open_tab(page, "letter")
    page.wait_for_selector("[name=letter_footer] .odoo-editor-editable")
    take(template_letter, page)


@seen_by("admin")
def template_sms(page: Page) -> None:
    """The text message of a template, counted while it is written."""
    open_tab(page, "sms")
    page.wait_for_selector("[name=sms_sample]")
    take(template_sms, page, height=560)


@seen_by("admin")
def template_preview(page: Page) -> None:
    """What a customer would receive by mail."""
    page.click("button[name=action_preview]")
    page.wait_for_selector(".modal [name=body_html]")
    customer_input = page.locator(".modal [name=partner_id] input")
    customer_input.fill("Palombe")
    page.click(".o-autocomplete--dropdown-item:has-text('Palombe')")
    page.click(".modal button[name=action_refresh]")
    page.wait_for_selector(".modal [name=body_html]:has-text('Total à payer')")
    take_dialog(template_preview, page)


@seen_by("admin")
def template_preview_letter(page: Page) -> None:
    """What a customer would receive by post."""
    page.click(".modal .o_notebook a[name=letter]")
    viewer = page.frame_locator(".modal [name=letter] iframe")
    viewer.locator(".page[data-loaded=true] .textLayer span").first.wait_for()
    take_dialog(template_preview_letter, page)


@seen_by("admin")
def plans(page: Page) -> None:
    """The list of plans."""
    open_list(page, "action-relance_numm.relance_plan_action")
    take(plans, page, height=380)


@seen_by("admin")
def plan_new(page: Page) -> None:
    """The first question of a new plan."""
    page.get_by_role("button", name="Nouveau plan de relance").click()
    page.wait_for_selector(".modal [name=customer_type]")
    take_dialog(plan_new, page)


@seen_by("admin")
def plan(page: Page) -> None:
    """A plan with its steps."""
    open_list(page, "action-relance_numm.relance_plan_action")
    open_row(page, "Plan de Relance Entreprise Privée")
    take(plan, page, height=860)


@seen_by("admin")
def customer(page: Page) -> None:
    """What is set for a customer."""
    open_list(page, "action-account.res_partner_action_customer")
    open_row(page, "Ateliers Vaubrun")
    open_tab(page, "accounting")
    take(customer, page)


@seen_by("admin")
def contact(page: Page) -> None:
    """The contact that reminders go to."""
    open_tab(page, "contact_addresses")
    page.click("[name=child_ids] .o_kanban_record:has-text('Claire Aubanel')")
    page.wait_for_selector(".modal [name=type]")
    take_dialog(contact, page)


@seen_by("comptable")
def contacts_create(page: Page) -> None:
    """« Relance » contacts of several customers, before they are created."""
    open_list(page, "gestion-relances")
    show_all(page)
    search_customers(page, "Vaubrun", "Harispuru", "Ormelys")
    page.click("thead .o_list_record_selector input")
    page.click(".o_cp_action_menus button:has-text('Actions')")
    page.click(".o_menu_item:has-text('Créer les contacts')")
    page.wait_for_selector(".modal [name=line_ids] .o_data_row")
    take_dialog(contacts_create, page)
    page.click(".modal .btn-secondary")


# === THE WORK LIST === #


@seen_by("comptable")
def work_list(page: Page) -> None:
    """The work list, on three customers."""
    open_list(page, "gestion-relances")
    search_customers(page, "Vaubrun", "Palombe", "Lormeau")
    take(work_list, page)


@seen_by("comptable")
def work_list_filters(page: Page) -> None:
    """The filters and groups of the work list."""
    open_list(page, "gestion-relances")
    page.click(".o_searchview_dropdown_toggler")
    page.wait_for_selector(".o_filter_menu")
    take(work_list_filters, page)


@seen_by("comptable")
def work_list_reasons(page: Page) -> None:
    """The entries that are not to be reminded, by reason."""
    open_list(page, "gestion-relances")
    show_all(page)
    page.click(".o_searchview_dropdown_toggler")
    page.click(".o_filter_menu .o_menu_item:text-is('Non conseillée')")
    page.click(".o_group_by_menu .o_menu_item:has-text('Motif')")
    page.keyboard.press("Escape")
    page.wait_for_selector(".o_group_header")
    for group in page.locator(".o_group_header").all():
        group.click()
        settle(page)
    take(work_list_reasons, page)


@seen_by("comptable")
def selection(page: Page) -> None:
    """The rows selected by days late."""
    open_list(page, "gestion-relances")
    show_all(page)
    search_delay(page, *DELAY)
    page.click("thead .o_list_record_selector input")
    page.wait_for_selector("button[name=action_prepare]")
    take(selection, page)


@seen_by("comptable")
def preparation(page: Page) -> None:
    """One reminder per customer, with what cannot be sent as it is."""
    page.click("button[name=action_prepare]")
    page.wait_for_selector(".modal .o_data_row")
    take_dialog(preparation, page)


@seen_by("comptable")
def preparation_level(page: Page) -> None:
    """The levels that may be chosen."""
    open_choices(page, "Ateliers Vaubrun", "level_id")
    take_dialog(preparation_level, page)
    page.keyboard.press("Escape")


@seen_by("comptable")
def checks(page: Page) -> None:
    """« Contrôles »: what cannot be sent, and why."""
    page.click(".modal button[name=action_controls]")
    page.wait_for_selector(".modal [name=problem_line_ids] .o_data_row")
    take_dialog(checks, page)
    page.click(".modal button[name=action_back]")


@seen_by("comptable")
def preparation_letters(page: Page) -> None:
    """Letters in the place of mails without an address."""
    page.click(".modal [name=replace_missing_mail] input")
    page.wait_for_selector(".modal .o_data_row:has-text('Écrite simple')")
    take_dialog(preparation_letters, page)


@seen_by("comptable")
def create_confirm(page: Page) -> None:
    """The question before what cannot be sent is created all the same."""
    page.click(".modal button[name=action_create]")
    page.wait_for_selector(".modal button:text-is('Créer quand même')")
    take_dialog(create_confirm, page)


@seen_by("comptable")
def batch(page: Page) -> None:
    """The batch of the reminders created, once they are all made."""
    page.click(".modal button:text-is('Créer quand même')")
    page.wait_for_selector(".o_form_view:has([name=reminder_count])")
    progress = page.locator(".o_form_view [name=progress]")
    until(page, lambda: "100" in progress.inner_text())
    page.evaluate("document.activeElement.blur()")
    take(batch, page, height=520)


# === WHAT BECAME OF THE REMINDERS === #


@seen_by("comptable")
def reminders(page: Page) -> None:
    """The reminders, once the mails have left."""
    open_list(page, "relances")
    until(page, lambda: row(page, "file d'attente").count() == 0)
    take(reminders, page)


@seen_by("comptable")
def reminder_email(page: Page) -> None:
    """A reminder that was mailed."""
    open_list(page, "relances")
    open_row(page, "Solène Harispuru")
    page.wait_for_selector(".o-mail-Message")
    take(reminder_email, page)


@seen_by("comptable")
def email(page: Page) -> None:
    """The mail, as the customer receives it."""
    message = caught_mail("compta.palombe@example.com")
    content = page.context.new_page()
    content.set_content(mail_page(message))
    take(email, content, width=900, height=640)
    content.close()


@seen_by("comptable")
def reminder_failed(page: Page) -> None:
    """A reminder that could not be sent."""
    open_list(page, "relances")
    open_row(page, "Cabinet Ormelys Conseil")
    take(reminder_failed, page)


@seen_by("comptable")
def letters(page: Page) -> None:
    """The letters to print."""
    open_list(page, "courriers")
    page.click("thead .o_list_record_selector input")
    page.wait_for_selector("button[name=action_ask_print]")
    take(letters, page, height=320)


@seen_by("comptable")
def letters_print(page: Page) -> None:
    """The letters to print, each with its invoices behind it."""
    page.click("button[name=action_ask_print]")
    page.click(".modal [name=with_invoices] input")
    page.wait_for_selector(".modal [name=invoice_count]")
    take_dialog(letters_print, page)
    page.click(".modal [name=with_invoices] input")


@seen_by("comptable")
def letter(page: Page) -> None:
    """The first of the letters printed."""
    with page.expect_download(timeout=PATIENCE_MS) as download:
        page.click(".modal button[name=action_print]")
    document = pymupdf.open(download.value.path())
    keep(letter, document[0].get_pixmap(dpi=LETTER_DPI).tobytes("png"))


@seen_by("comptable")
def call(page: Page) -> None:
    """A reminder by phone: an activity to do."""
    open_list(page, "relances")
    open_row(page, "Ateliers Vaubrun")
    page.wait_for_selector(".o-mail-Activity")
    take(call, page)


@seen_by("comptable")
def work_list_after(page: Page) -> None:
    """The work list after the reminders."""
    open_list(page, "gestion-relances")
    show_all(page)
    search_delay(page, *DELAY)
    take(work_list_after, page)


@seen_by("comptable")
def invoice(page: Page) -> None:
    """An invoice, with the trace of its reminder."""
    open_list(page, "gestion-relances")
    show_all(page)
    open_row(page, "Solène Harispuru")
    open_tab(page, "relance_tab")
    take(invoice, page)


# === REMINDERS BY INVOICE === #


@seen_by("admin")
def automatic_choose(page: Page) -> None:
    """An entity is to remind by invoice: nothing happens before it is saved."""
    # The figures are those of its branch too, and the list shows what is ticked.
    open_list(page, "gestion-relances")
    page.click(".o_switch_company_menu button")
    page.click(f".o_switch_company_item:has-text('{BRANCH}') [role=menuitemcheckbox]")
    with page.expect_navigation():
        page.click(".o-dropdown--menu button:text-is('Confirmer')")
    open_settings(page)
    page.click("[name=relance_on] label:has-text('Facture')")
    take(automatic_choose, page, height=520)


@seen_by("admin")
def automatic_start(page: Page) -> None:
    """What would be sent, by due date, and the choices."""
    page.click(".o_form_button_save")
    page.wait_for_selector(".modal [name=choices] table")
    take_dialog(automatic_start, page)


@seen_by("admin")
def automatic_rehearsal(page: Page) -> None:
    """Whom the first run would remind; nothing is sent."""
    page.click(".modal button[name=action_rehearse]")
    page.wait_for_selector(".o_list_view .o_data_row")
    take(automatic_rehearsal, page, height=520)


@seen_by("admin", AUTOMATIC)
def automatic_settings(page: Page) -> None:
    """What is set for an entity that reminds by invoice."""
    page.set_viewport_size({**SIZE, "height": 1150})
    open_settings(page)
    take(automatic_settings, page, height=1040)
    page.set_viewport_size(SIZE)


@seen_by("comptable", AUTOMATIC)
def automatic_dry_run(page: Page) -> None:
    """Whom the next run reminds."""
    open_list(page, "relances-automatiques")
    take(automatic_dry_run, page, height=800)


@seen_by("comptable", AUTOMATIC)
def automatic_reasons(page: Page) -> None:
    """What is not reminded by itself, and why."""
    page.click(".o_facet_remove")
    page.click(".o_searchview_dropdown_toggler")
    page.click(".o_filter_menu .o_menu_item:has-text('Pas de relance')")
    page.keyboard.press("Escape")
    page.wait_for_selector(".o_data_row:has-text('Traiteur Soubelarre')")
    take(automatic_reasons, page, height=680)


@seen_by("comptable", AUTOMATIC)
def automatic_invoice(page: Page) -> None:
    """« Informations règlements et relance », on the manual's invoice."""
    open_invoice(page, "2020010002")
    take(automatic_invoice, page, height=740)


@seen_by("comptable", AUTOMATIC)
def automatic_trace(page: Page) -> None:
    """The trace of a reminder by letter, on the manual's other invoice."""
    open_invoice(page, "2019000090")
    page.wait_for_selector(".o-mail-Message:has-text('Montant relancé')")
    take(automatic_trace, page)


@seen_by("comptable", AUTOMATIC)
def automatic_invoices(page: Page) -> None:
    """The invoices, with what comes next of each."""
    open_list(page, "relances-factures")
    take(automatic_invoices, page)


@seen_by("comptable", AUTOMATIC)
def automatic_mass_edition(page: Page) -> None:
    """The next date of several invoices at once."""
    for number in ("2020010012", "2020010013"):
        row(page, number).locator(".o_list_record_selector input").click()
    row(page, "2020010013").locator("td[name=relance_next_date]").click()
    date_input = page.locator("td[name=relance_next_date] input")
    date_input.fill(french_date(21))
    date_input.press("Enter")
    page.wait_for_selector(".modal:has-text('Date prochaine relance')")
    take_dialog(automatic_mass_edition, page)
    page.click(".modal .btn-secondary")
    page.click(".o_list_button_discard, .o_list_unselect_all")


@seen_by("comptable", AUTOMATIC)
def automatic_banner(page: Page) -> None:
    """« Gestion des relances » of an entity that reminds by itself."""
    open_list(page, "gestion-relances")
    page.wait_for_selector(".o_relance_by_itself")
    take(automatic_banner, page, height=420)


# === WHAT THE CUSTOMER ANSWERS, AND THE POST === #


@seen_by("comptable", AUTOMATIC)
def to_correct(page: Page) -> None:
    """A mail that came back: its address is mended in the list."""
    open_list(page, "relances-a-corriger")
    row(page, "Menuiserie Larraldea").locator("td[name=mend_email]").click()
    address = page.locator("td[name=mend_email] input")
    address.fill("larraldea@example.com")
    page.click(".o_list_button_save")
    page.wait_for_selector("td[name=next_try]:text-is('larraldea@example.com')")
    row(page, "Menuiserie Larraldea").locator(".o_list_record_selector input").click()
    page.wait_for_selector("button[name=action_send_again]")
    take(to_correct, page, height=320)


@seen_by("comptable", AUTOMATIC)
def calls(page: Page) -> None:
    """The calls to make."""
    open_list(page, "appels")
    take(calls, page, height=240)


@seen_by("comptable", AUTOMATIC)
def call_result(page: Page) -> None:
    """What the customer said: he promises to pay."""
    row(page, "Garonnette Nautique").locator("button[name=action_outcome]").click()
    page.click(".modal [name=outcome] label:has-text('Promet')")
    page.fill(".modal [name=promise_date] input", french_date(9))
    page.click(".modal-title")
    page.fill(".modal [name=note] :is(input, textarea)", "Virement en fin de semaine")
    take_dialog(call_result, page)
    page.click(".modal .btn-secondary")


@seen_by("comptable", AUTOMATIC)
def invoice_promise(page: Page) -> None:
    """An invoice that the customer promised to pay."""
    open_invoice(page, "2020010023")
    take(invoice_promise, page, height=740)


@seen_by("comptable", AUTOMATIC)
def registered(page: Page) -> None:
    """A registered letter that nobody fetched."""
    open_list(page, "recommandes")
    take(registered, page, height=240)


# === WHAT LEAVES BY ITSELF === #


@seen_by("admin", AUTOMATIC)
def automatic_run(page: Page) -> None:
    """What is due and leaves at once, in figures."""
    open_list(page, "relances-automatiques")
    page.click("button[name=action_ask_remind_now]")
    page.wait_for_selector(".modal button[name=action_run]")
    take_dialog(automatic_run, page)
    page.click(".modal button[name=action_run]")
    page.wait_for_selector(".o_notification:has-text('en arrière-plan')")


@seen_by("comptable", AUTOMATIC)
def automatic_reminders(page: Page) -> None:
    """The reminders that were made, once the mails have left."""
    open_list(page, "relances")
    until(page, lambda: row(page, "Conserverie Balencielle").count() == 1)
    until(page, lambda: row(page, "à envoyer").count() == 0)
    until(page, lambda: row(page, "file d'attente").count() == 0)
    take(automatic_reminders, page, height=660)


@seen_by("comptable", AUTOMATIC)
def automatic_to_confirm(page: Page) -> None:
    """What somebody has to confirm."""
    open_list(page, "relances-a-confirmer")
    page.click("thead .o_list_record_selector input")
    page.wait_for_selector("button[name=action_confirm]")
    take(automatic_to_confirm, page, height=240)


@seen_by("comptable", AUTOMATIC)
def automatic_preview(page: Page) -> None:
    """What would leave, before it is confirmed."""
    page.locator(".o_data_row button[name=action_preview]").first.click()
    page.wait_for_selector(".modal button[name=action_confirm]")
    page.click(".modal .o_notebook a[name=letter]")
    viewer = page.frame_locator(".modal [name=letter] iframe")
    viewer.locator(".page[data-loaded=true] .textLayer span").first.wait_for()
    take_dialog(automatic_preview, page)
    page.click(".modal .btn-secondary")


@seen_by("comptable", AUTOMATIC)
def automatic_failed(page: Page) -> None:
    """What could not leave, and is tried again."""
    open_list(page, "relances")
    open_row(page, "Atelier Zubialdea")
    take(automatic_failed, page, height=640)


@seen_by("comptable", AUTOMATIC)
def automatic_flag(page: Page) -> None:
    """A customer without address to mail, who got a letter."""
    open_list(page, "action-account.res_partner_action_customer")
    open_row(page, "Auberge du Gave-Bleu")
    page.wait_for_selector(".o-mail-Activity")
    page.wait_for_selector(".o-mail-Message:has-text('Montant relancé')")
    take(automatic_flag, page, height=640)


@seen_by("admin", AUTOMATIC)
def automatic_pause(page: Page) -> None:
    """Nothing leaves for a while."""
    open_settings(page)
    pause = page.locator("[name=relance_pause_until] input")
    pause.fill(french_date(14))
    pause.press("Tab")
    with page.expect_navigation():
        page.click(".o_form_button_save")
    page.goto(f"{URL}/odoo/relances-automatiques")
    page.wait_for_selector(".o_relance_automatic_status:has-text('pause')")
    page.click(".o_facet_remove")
    page.wait_for_selector(".o_list_view .o_data_row")
    take(automatic_pause, page, height=360)


@seen_by("admin", AUTOMATIC)
def plan_impact(page: Page) -> None:
    """What a plan would change, before it is saved."""
    open_list(page, "action-relance_numm.relance_plan_action")
    open_row(page, "Plan de Relance Entreprise Privée")
    row(page, "Niveau 2").locator("td[name=days]").click()
    days = page.locator(".o_selected_row td[name=days] input")
    days.fill("10")
    days.press("Tab")
    page.wait_for_selector("[name=impact]:has-text('Si vous enregistrez')")
    page.click(".o_form_sheet .oe_title")
    take(plan_impact, page)
    page.click(".o_form_button_cancel")


@seen_by("admin", AUTOMATIC)
def past_levels(page: Page) -> None:
    """« Reprise des niveaux »: the file."""
    page.goto(f"{URL}/odoo/action-relance_numm.relance_import_action")
    page.wait_for_selector(".modal button[name=action_check]")
    page.evaluate("document.activeElement.blur()")
    take_dialog(past_levels, page)


@seen_by("admin", AUTOMATIC)
def past_levels_check(page: Page) -> None:
    """« Reprise des niveaux »: what is wrong with the file."""
    text = PAST_LEVELS.format(date=french_date(-9))
    page.set_input_files(
        ".modal input[type=file]",
        {"name": "reprise.csv", "mimeType": "text/csv", "buffer": text.encode()},
    )
    page.wait_for_selector(".modal [name=file] .o_clear_file_button")
    page.click(".modal button[name=action_check]")
    page.wait_for_selector(".modal button[name=action_import]")
    take_dialog(past_levels_check, page)


@seen_by("admin", AUTOMATIC)
def past_levels_batch(page: Page) -> None:
    """« Reprise des niveaux »: the batch, from which it can be undone."""
    page.click(".modal button[name=action_import]")
    page.click(".modal button:text-is('Reprendre')")
    page.wait_for_selector(".o_notification:has-text('Relances reprises')")
    open_list(page, "action-relance_numm.relance_batch_action")
    open_row(page, "Reprise")
    page.wait_for_selector("button[name=action_undo_import]")
    take(past_levels_batch, page, height=430)


def open_invoice(page: Page, number: str) -> None:
    """Open what an invoice says of its reminders."""
    open_list(page, "relances-factures")
    row(page, number).locator("td[name=name]").click()
    page.wait_for_selector(".o_form_view .o_form_sheet")
    open_tab(page, "relance_tab")
    settle(page)


def french_date(days: int) -> str:
    """Return the date so many days from now, as people write it."""
    return (date.today() + timedelta(days)).strftime("%d/%m/%Y")


def caught_mail(address: str) -> EmailMessage:
    """Return the mail that was caught on its way to an address."""
    for path in sorted(MAILS.glob("*.eml")):
        message = message_from_bytes(path.read_bytes(), policy=policy.default)
        if address in str(message["To"]):
            return message
    raise LookupError(f"No mail to {address} was caught.")


def mail_page(message: EmailMessage) -> str:
    """Return a mail as a page: its heads, its text and the names of its files."""
    files = ", ".join(part.get_filename() or "" for part in message.iter_attachments())
    heads = {
        "De": message["From"],
        "À": message["To"],
        "Copie": message["Cc"],
        "Objet": message["Subject"],
        "Fichiers": files,
    }
    rows = "".join(
        f"<tr><td style='padding-right: 1em'>{name}</td><td>{escape(str(text))}</td>"
        for name, text in heads.items()
    )
    body = message.get_body(("html",)).get_content()
    return (
        "<body style='font: 14px sans-serif; margin: 24px; width: 850px'>"
        f"<table style='margin-bottom: 16px; color: #555'>{rows}</table><hr>{body}"
    )


if __name__ == "__main__":
    main()
