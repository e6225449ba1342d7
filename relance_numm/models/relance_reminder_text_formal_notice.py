import html
import re
import unicodedata
from functools import cache, lru_cache

from odoo import api, models

from .relance_letter_html import FRENCH_POST
from .relance_template import TEXT_FIELDS

# What the subject and the letter say, by language: C. civ. 1344 wants an interpellation
# that nobody can mistake. The French words are understood in any other language.
FRENCH_WORDS = ("mise en demeure", "mets en demeure", "mettons en demeure")
FORMAL_WORDS = {"fr": FRENCH_WORDS, "en": ("formal notice", *FRENCH_WORDS)}
LETTER_TEXTS = ("letter_top", "letter_bottom")
# What follows where nothing is paid: it goes to court.
FRENCH_COURT = (
    "tribunal",
    "tribunaux",
    "juridiction",
    "judiciaire",
    "en justice",
    "injonction de payer",
)
COURT_WORDS = {
    "fr": FRENCH_COURT,
    "en": ("court", "legal action", "legal proceedings", *FRENCH_COURT),
}
LEGAL_BASIS = re.compile(r"\bl\.? ?441-10|\bl\.? ?2192-13|\b1231-6|\b1344\b")


def plain_text(text):
    """Return a text in small letters, without tags, placeholders and accents.

    >>> plain_text("<p>Nous vous <b>METTONS</b>&nbsp;en demeure <t t-out='x'>y</t></p>")
    'nous vous mettons en demeure'
    >>> plain_text("Réf. {{object.name}} – À régler")
    'ref. – a regler'
    """
    return _plain_text(str(text or ""))


# Thousands of reminders have the texts of a few templates.
@lru_cache(maxsize=256)
def _plain_text(text):
    text = re.sub(r"<t\b[^>]*t-out[^>]*>.*?</t>|\{\{.*?\}\}", " ", text)
    text = html.unescape(re.sub(r"<[^>]*>", " ", text))
    text = unicodedata.normalize("NFKD", text.casefold())
    text = "".join(c for c in text if not unicodedata.combining(c))
    return " ".join(text.split())


def says_formal_notice(text, lang):
    """Return whether a text says in a language that it is a mise en demeure.

    >>> says_formal_notice("MISE EN DEMEURE de payer", "fr_FR")
    True
    >>> says_formal_notice("Formal notice", "fr_FR")
    False
    >>> says_formal_notice("Formal notice", "en_GB")
    True
    >>> says_formal_notice("Rappel avant mise en&nbsp;demeure", "de_DE")
    True
    """
    return says_one_of(FORMAL_WORDS, text, lang)


def says_one_of(words, text, lang):
    """Return whether a text has one of the words of a language, by language."""
    plain = plain_text(text)
    return any(word in plain for word in words.get((lang or "")[:2], words["en"]))


class RelanceFormalNotice(models.Model):
    """A mise en demeure is checked before it is created, and again before it leaves.

    What makes one valid is for a judge to appraise (C. civ. 1344; Cass. com. 9 June
    2015, no. 14-15.342); here stands what can be checked mechanically. The letter
    itself always has its date, the list of invoices, the total and that it is
    registered.
    """

    _inherit = "relance.reminder"

    def _formal_notice_problem(self, texts=None):
        """Return the sentence that says what this mise en demeure lacks, or False.

        :param dict texts: rendered, as from `_render_texts`; the template's own words
            where there are none yet
        """
        return self._formal_notice_sentence(self._formal_notice_problems(texts))

    @api.model
    def _formal_notice_sentence(self, problems):
        return bool(problems) and self.env._(
            "The formal notice lacks: %s.", "; ".join(problems)
        )

    def _formal_notice_problems(self, texts=None):
        """Return what this mise en demeure lacks by law, each with where to fill it in.

        :rtype: list[str]
        """
        self.ensure_one()
        return [
            *self._formal_creditor_problems(self.company_id, self.user_id),
            *self._formal_debtor_problems(self.contact_id or self.partner_id),
            *self._formal_text_problems(self.template_id, self.lang, texts),
        ]

    @api.model
    def _formal_creditor_problems(self, company, user):
        """Return what is missing of who claims, and of how to pay him."""
        french = company.country_id.code in (False, *FRENCH_POST)
        missing = self._formal_missing_address(company)
        if french and not company.company_registry:
            missing.append(self.env._("SIREN or SIRET (field “Company ID”)"))
        problems = []
        if missing:
            problems.append(
                self.env._(
                    "of the creditor “%(company)s”, %(missing)s: fill it in under "
                    "Settings › Companies",
                    company=company.name,
                    missing=", ".join(missing),
                )
            )
        bank = company._relance_banks()[company.id]
        if not bank.acc_number or (french and bank.acc_type != "iban"):
            problems.append(
                self.env._(
                    "the IBAN to pay to: add a bank account of “%s” under "
                    "Configuration › Bank accounts",
                    company.name,
                )
            )
        if user._is_superuser():
            problems.append(
                self.env._(
                    "the person who signs: choose who follows the customer, the plan "
                    "or the company's reminders"
                )
            )
        return problems

    def _formal_missing_address(self, record):
        """Return the labels of what the address of a company or a contact lacks.

        :rtype: list[str]
        """
        return [
            record._fields[name]._description_string(self.env)
            for name in ("street", "zip", "city")
            if not record[name]
        ]

    @api.model
    def _formal_debtor_problems(self, contact):
        """Return what is missing of who owes."""
        missing = self._formal_missing_address(contact)
        if not missing:
            return []
        return [
            self.env._(
                "of the debtor “%(contact)s”, %(missing)s: complete his address",
                contact=contact.display_name,
                missing=", ".join(missing),
            )
        ]

    @api.model
    def _formal_text_problems(self, template, lang, texts=None):
        """Return what is missing in the letter's texts, in its language."""
        template = template.with_context(lang=lang)
        texts = texts or template
        letter = " ".join(str(texts[name] or "") for name in LETTER_TEXTS)
        placeholders = {
            placeholder
            for name in LETTER_TEXTS
            for placeholder in template._placeholders(name)
        }
        problems = []
        if not says_formal_notice(texts["subject"], lang):
            problems.append(self.env._("the words “formal notice” in the subject"))
        if not says_formal_notice(letter, lang):
            problems.append(
                self.env._("“we give you formal notice to pay” in the letter's texts")
            )
        if "object.deadline_text" not in placeholders:
            problems.append(
                self.env._("the deadline (“Pay before”) in the letter's texts")
            )
        if "object.legal_text" not in placeholders and not LEGAL_BASIS.search(
            plain_text(letter)
        ):
            problems.append(
                self.env._(
                    "the legal basis (“What the law provides”) in the letter's texts"
                )
            )
        if not says_one_of(COURT_WORDS, letter, lang):
            problems.append(
                self.env._("what follows without payment (going to court) in them")
            )
        if not plain_text(texts["signature"]) and not template._placeholders(
            "signature"
        ):
            problems.append(self.env._("a signature"))
        if not problems:
            return []
        return [
            self.env._(
                "%(missing)s: complete the template “%(template)s” (%(language)s) "
                "under Configuration › Templates",
                missing=", ".join(problems),
                template=template.with_env(self.env).name,
                language=self._formal_language(lang),
            )
        ]

    @api.model
    def _formal_language(self, lang):
        """Return the name of the letter's language: each has its own texts."""
        return dict(self.env["res.lang"].get_installed()).get(lang, lang)

    @api.model
    def _formal_notice_problems_before(self, drafts):
        """Return what each mise en demeure would lack that is not created yet, if any.

        :param drafts: each a `FormalNoticeDraft`
        :rtype: list[str | bool]
        """
        # However many they are, they have few creditors and texts.
        creditor_problems, text_problems = (
            cache(self._formal_creditor_problems),
            cache(self._formal_text_problems),
        )
        partners, companies = self.env["res.partner"], self.env["res.company"]
        contacts = partners.browse((d.contact or d.partner).id for d in drafts)
        # As the letter's language is found, whoever makes it; in one environment, where
        # they are read together.
        langs = map(
            self._lang_of,
            contacts.sudo(),
            partners.sudo().browse(draft.partner.id for draft in drafts),
            companies.sudo().browse(draft.company.id for draft in drafts),
        )
        return [
            self._formal_notice_sentence(
                [
                    *creditor_problems(draft.company, self.env.user),
                    *self._formal_debtor_problems(contact),
                    *text_problems(draft.template, lang),
                ]
            )
            for draft, contact, lang in zip(drafts, contacts, langs, strict=True)
        ]

    def _render_texts(self, names=TEXT_FIELDS):
        """Extend: a mise en demeure that lacks something does not leave."""
        texts = super()._render_texts(names)
        problems = {}
        for reminder in self.filtered(lambda r: r.id in texts):
            if reminder.channel_id._is_formal_notice():
                problem = reminder._formal_notice_problem(texts[reminder.id])
                if problem:
                    problems[reminder.id] = problem
        self._fail_each(problems)
        return {id_: text for id_, text in texts.items() if id_ not in problems}
