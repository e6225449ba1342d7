from functools import cache, partial
from itertools import chain as chained
from operator import attrgetter

from odoo import api, fields, models
from odoo.tools import SQL, formataddr
from odoo.tools.sql import column_exists, create_column

from ..fields import APART
from ..tools import normalized_emails, well_formed_emails
from .relance_plan import CUSTOMER_TYPES

REMINDER_MODES = [("mail", "Automatic email"), ("letter", "Letter")]


class Recipients:
    """Who receives a customer's reminders, by what means (B1).

    ``mail_contacts`` can all be mailed, at ``emails``: ``"Name" <address>`` by
    normalized address; ``mail_problem`` says why nobody can, and is False when
    somebody can; ``mail_advice`` says which of their addresses cannot. Likewise for
    the letter (one contact), the phone and SMS.

    What is asked of a means is found when it is first asked: thousands of letters need
    nobody's phone number.
    """

    MEANS = {
        "mail_contacts": "mail",
        "emails": "mail",
        "mail_problem": "mail",
        "mail_advice": "mail",
        "letter_contact": "letter",
        "letter_problem": "letter",
        "phone_contact": "phone",
        "phone_problem": "phone",
        "sms_contact": "sms",
        "sms_problem": "sms",
    }

    def __init__(self, **means):
        """Make them of what finds the attributes of each means, as a dictionary."""
        self.__dict__.update(means=means)

    def __getattr__(self, name):
        if name not in self.MEANS:
            raise AttributeError(name)
        self.__dict__.update(self.means[self.MEANS[name]]() | self.__dict__)
        return self.__dict__[name]

    def _replace(self, **values):
        """Return the same with other values."""
        replaced = Recipients(**self.means)
        replaced.__dict__.update(self.__dict__ | values)
        return replaced


class ResPartner(models.Model):
    _inherit = "res.partner"

    # Whether a customer is a public body, for a page of the work list: see
    # `relance.item._facts`. Whether one has a plan of his own, Odoo's index says.
    _relance_public_idx = models.Index("(id) WHERE relance_customer_type = 'public'")

    _complete_name_displayed_types = ("invoice", "delivery", "other", "relance")

    type = fields.Selection(
        selection_add=[("relance", "Reminder")], ondelete={"relance": "set other"}
    )
    relance_customer_type = fields.Selection(
        CUSTOMER_TYPES,
        string="Customer type",
        compute="_compute_relance_customer_type",
        store=True,
        readonly=False,
        precompute=True,
        help="Decides which reminder plan applies, and which law.",
        **APART,
    )
    relance_mode = fields.Selection(
        REMINDER_MODES,
        string="Reminders by",
        default="mail",
        help="What a reminder of this customer is by default, where the step offers "
        "both.",
        **APART,
    )
    relance_plan_id = fields.Many2one(
        "relance.plan",
        string="Reminder plan",
        company_dependent=True,
        check_company=True,
        help="Leave empty for the best plan by customer type, role and entity.",
    )
    relance_applied_plan_id = fields.Many2one(
        "relance.plan",
        string="Applied plan",
        compute="_compute_relance_applied_plan_id",
    )
    relance_excluded = fields.Boolean(string="Do not remind", company_dependent=True)
    relance_user_id = fields.Many2one(
        "res.users", string="Reminders followed by", company_dependent=True
    )
    relance_reminder_count = fields.Integer(
        compute="_compute_relance_reminder_count",
        groups="account.group_account_invoice,account.group_account_readonly",
    )
    relance_item_count = fields.Integer(
        compute="_compute_relance_item_count",
        groups="account.group_account_invoice,account.group_account_readonly",
    )

    def _auto_init(self):
        # One statement instead of a Python computation over all the contacts of a
        # large database at install.
        if not column_exists(self.env.cr, "res_partner", "relance_customer_type"):
            create_column(
                self.env.cr, "res_partner", "relance_customer_type", "varchar"
            )
            self.env.cr.execute(
                SQL(
                    """
                    UPDATE res_partner partner
                       SET relance_customer_type = %s
                      FROM res_partner customer
                     WHERE customer.id = COALESCE(
                           partner.commercial_partner_id, partner.id)
                    """,
                    self._relance_type_sql(SQL("customer")),
                )
            )
        return super()._auto_init()

    @api.depends("is_company", "vat")
    def _compute_relance_customer_type(self):
        for partner in self:
            # A public body can only be told by a person: never take that back.
            if partner.relance_customer_type != "public":
                partner.relance_customer_type = partner._relance_default_type()

    def _relance_default_type(self):
        """Return the customer type to start with (B2)."""
        return "private" if self.is_company or self.vat else "individual"

    @api.model
    def _relance_type_sql(self, partner):
        """Return the expression of a customer's type, that to start with where none
        is set; the same rule as `_relance_default_type`.

        :param SQL partner: alias of the ``res_partner`` table in the query.
        """
        return SQL(
            """COALESCE(%(partner)s.relance_customer_type, CASE
                WHEN %(partner)s.is_company OR %(partner)s.vat > ''
                THEN 'private' ELSE 'individual' END)""",
            partner=partner,
        )

    def _relance_type(self):
        """Return what the law takes the customer for: public, private, individual."""
        return self.relance_customer_type or self._relance_default_type()

    def _relance_followed_by(self, company):
        """Return who follows this customer's reminders in a company, or in its entity.

        :rtype: res.users
        """
        return self._relance_all_followed_by(company)[self.id]

    def _relance_all_followed_by(self, company):
        """Return who follows the reminders of each of these customers in a company, or
        in its entity.

        :rtype: dict[int, res.users]
        """
        followed_by = {}
        for one in company.root_id | company:
            partners = self.with_company(one)
            # Alone: with all else that depends on the company it takes much longer.
            partners.with_context(prefetch_fields=False).mapped("relance_user_id")
            for partner in partners:
                mine = partner.relance_user_id
                followed_by[partner.id] = mine or followed_by.get(partner.id, mine)
        return followed_by

    @api.depends("relance_plan_id", "relance_customer_type", "category_id")
    @api.depends_context("company")
    def _compute_relance_applied_plan_id(self):
        customers = self.commercial_partner_id._origin
        plans = self.env["relance.plan"]._plans_of(customers, self.env.company)
        for partner in self:
            partner.relance_applied_plan_id = plans.get(
                partner.commercial_partner_id._origin.id, False
            )

    def _compute_relance_reminder_count(self):
        counts = self._relance_counts("relance.reminder")
        for partner in self:
            partner.relance_reminder_count = counts.get(
                partner.commercial_partner_id, 0
            )

    def _compute_relance_item_count(self):
        counts = self._relance_counts("relance.item")
        for partner in self:
            partner.relance_item_count = counts.get(partner.commercial_partner_id, 0)

    def _relance_counts(self, model):
        """Return how many records of a model each customer has."""
        domain = [("partner_id", "in", self.commercial_partner_id.ids)]
        return dict(self.env[model]._read_group(domain, ["partner_id"], ["__count"]))

    @api.model
    def _commercial_fields(self):
        return super()._commercial_fields() + [
            "relance_customer_type",
            "relance_mode",
            "relance_plan_id",
            "relance_excluded",
            "relance_user_id",
        ]

    def action_view_relance_reminders(self):
        """Open the customer's reminders."""
        return self.env["relance.reminder"]._action_list(
            [("partner_id", "in", self.commercial_partner_id.ids)]
        )

    def action_view_relance_items(self):
        """Open the customer's rows of the work list."""
        return {
            **self.env["ir.actions.act_window"]._for_xml_id(
                "relance_numm.relance_item_action"
            ),
            "domain": [("partner_id", "in", self.commercial_partner_id.ids)],
            "context": {},
        }

    def _relance_contact_chains(self):
        """Return who may receive each customer's reminders, best first (B1).

        The contacts of type « Relance », else the invoice contacts, else the customer.

        :return: for each customer, the three recordsets in that order.
        :rtype: dict[int, tuple[res.partner, res.partner, res.partner]]
        """
        # A contact that is a company, such as a shared accounting centre, is its own
        # commercial partner.
        contacts = self.search(
            [
                "|",
                ("commercial_partner_id", "in", self.ids),
                ("parent_id", "in", self.ids),
                ("id", "not in", self.ids),
                ("type", "in", ("relance", "invoice")),
            ],
            order="id",
        )
        by_kind = contacts.grouped(
            lambda c: (
                (c.parent_id if c.is_company else c.commercial_partner_id).id,
                c.type,
            )
        )
        return {
            customer.id: (
                by_kind.get((customer.id, "relance"), self.browse()),
                by_kind.get((customer.id, "invoice"), self.browse()),
                customer,
            )
            for customer in self
        }

    def _relance_recipients(self):
        """Return who receives each customer's reminders, or why nobody can (B1, D5).

        :param self: commercial partners.
        :rtype: dict[int, Recipients]
        """
        chains = self._relance_contact_chains()
        contacts = self.union(*(kind for chain in chains.values() for kind in chain))
        # At once: each chain is looked at on its own below.
        contacts.fetch(
            [
                "email",
                "lang",
                "message_bounce",
                "name",
                "phone",
                "street",
                "street2",
                "zip",
                "city",
                "country_id",
                "relance_wrong_phone",
                "relance_returned_address",
            ]
        )

        @cache
        def blacklisted():
            return self._relance_blacklisted(contacts.mapped("email"))

        return {
            customer.id: customer._relance_recipients_in(
                chains[customer.id], blacklisted
            )
            for customer in self
        }

    def _relance_recipients_in(self, chain, blacklisted):
        """Return the recipients of one customer out of its chain of contacts.

        :param blacklisted: returns the addresses that refuse mails
        :rtype: Recipients
        """
        partners, phone = type(self), attrgetter("phone")
        reached = partial(self._relance_by, chain)
        return Recipients(
            mail=lambda: self._relance_by_mail(chain, blacklisted()),
            letter=partial(
                reached,
                "letter",
                partners._relance_letter_problem,
                partners._relance_has_address,
            ),
            phone=partial(reached, "phone", partners._relance_phone_problem, phone),
            sms=partial(reached, "sms", partners._relance_sms_problem, phone),
        )

    def _relance_by_mail(self, chain, blacklisted):
        """Return whom of a chain of contacts this customer's mails go to.

        :rtype: dict
        """
        with_email = next((c for kind in chain if (c := kind.filtered("email"))), self)
        addresses = {c: c._relance_addresses(blacklisted) for c in with_email}
        mail_contacts = with_email.filtered(lambda c: addresses[c])
        return {
            "mail_contacts": mail_contacts,
            "emails": {
                address: formataddr((contact.name or self.name, address))
                for contact in mail_contacts
                for address in addresses[contact]
            },
            "mail_problem": not mail_contacts
            and self._relance_said_of(
                with_email[:1], with_email[:1]._relance_mail_problem(blacklisted)
            ),
            "mail_advice": bool(mail_contacts)
            and self._relance_mail_advice(with_email, addresses, blacklisted),
        }

    def _relance_by(self, chain, means, problem_of, usable):
        """Return whom of a chain of contacts letters, calls or SMS of this customer
        reach.

        :param str means: ``letter``, ``phone`` or ``sms``
        :param problem_of: returns what is wrong with a contact, or False
        :param usable: returns whether a contact is what to mend at all
        :rtype: dict
        """
        contact, problem = self._relance_reached(chain, problem_of, usable)
        return {
            f"{means}_contact": contact,
            f"{means}_problem": self._relance_said_of(contact, problem),
        }

    @api.model
    def _relance_reached(self, kinds, problem_of, usable):
        """Return the first of a chain of contacts without a problem, else the first
        that is usable at all, with its problem.

        :param kinds: the chain, by kind
        :rtype: tuple[res.partner, str | bool]
        """
        problems = {}
        # As they are in the chain: what is read of one is read of all at once.
        for contact in chained.from_iterable(kinds):
            problems[contact] = problem_of(contact)
            if not problems[contact]:
                return contact, False
        contact = next(filter(usable, problems), next(iter(problems)))
        return contact, problems[contact]

    @api.model
    def _relance_blacklisted(self, texts):
        """Return the blacklisted addresses among those in some texts, normalized."""
        emails = [e for text in texts for e in normalized_emails(text)]
        # Anyone who sends a mail has to respect the blacklist, without a right to it.
        blacklist = self.env["mail.blacklist"].sudo()
        return set(blacklist.search([("email", "in", emails)]).mapped("email"))

    def _relance_addresses(self, blacklisted):
        """Return the addresses this contact can be mailed at, normalized."""
        if self.message_bounce:
            return []
        return [
            email
            for email in well_formed_emails(self.email)
            if email not in blacklisted
        ]

    def _relance_mail_problem(self, blacklisted):
        """Return the sentence why this contact cannot be mailed (D5)."""
        if not self.email:
            return self.env._("No email address")
        if self.message_bounce:
            return self.env._("The last mail to %s bounced", self.email)
        if blacklisted.intersection(normalized_emails(self.email)):
            return self.env._("Blacklisted email address: %s", self.email)
        return self.env._("Malformed email address: %s", self.email)
