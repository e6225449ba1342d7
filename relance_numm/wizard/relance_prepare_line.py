from functools import cache
from typing import NamedTuple

from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.fields import Domain

from ..fields import GuardedMany2one
from ..models.relance_batch import ReminderRequest

CONTACT_FIELDS = ("email", "phone", "street", "street2", "zip", "city", "country_id")


class Draft(NamedTuple):
    """What « Contrôles » look at of a line, maybe before there is one."""

    company: models.Model
    partner: models.Model
    channel: models.Model
    step: models.Model


class RelancePrepareLine(models.TransientModel):
    """The reminder to one customer, in one currency, before it is created (D1–D5)."""

    _name = "relance.prepare.line"
    _inherit = ["relance.bulk.insert"]
    _description = "Reminder to prepare"
    _order = "id"
    _transient_max_hours = 0
    _transient_max_count = 0

    # Who made the preparation, which has it as well.
    create_uid = GuardedMany2one("res.users", string="Created by", readonly=True)
    write_uid = GuardedMany2one("res.users", string="Last Updated by", readonly=True)
    prepare_id = fields.Many2one(
        "relance.prepare", required=True, ondelete="cascade", index=True
    )
    # The cron looks for those that wait: see `relance.batch._take_waiting`.
    batch_id = fields.Many2one(
        "relance.batch",
        readonly=True,
        ondelete="cascade",
        index="btree_not_null",
        help="Waits to be created in it, in the background.",
    )
    # The entries that it is for guard both.
    company_id = GuardedMany2one("res.company", required=True, readonly=True)
    partner_id = fields.Many2one(
        "res.partner", string="Customer", required=True, readonly=True
    )
    currency_id = GuardedMany2one("res.currency", required=True, readonly=True)
    # See `_unlink_prepared_with`.
    plan_id = GuardedMany2one("relance.plan", readonly=True)
    # Twenty thousand rows of a relation would take longer than all of the rest.
    item_ids = fields.Json(
        string="Entries", readonly=True, help="Ids of the journal items."
    )
    move_line_ids = fields.Many2many(
        "account.move.line", compute="_compute_move_line_ids"
    )
    item_links = fields.Html(
        string="Document numbers", compute="_compute_item_links", sanitize=False
    )
    amount_due = fields.Monetary(string="Left to pay", readonly=True)
    credit_amount = fields.Monetary(
        string="Unreconciled credits",
        readonly=True,
        help="Payments and credit notes of the customer that are not reconciled yet; "
        "they are not deducted.",
    )
    sent_level_id = GuardedMany2one(
        "relance.level", string="Highest level sent", readonly=True
    )
    advised_level_id = GuardedMany2one("relance.level", string="Advised", readonly=True)
    allowed_level_ids = fields.Many2many(
        "relance.level", compute="_compute_allowed_level_ids"
    )
    level_id = GuardedMany2one(
        "relance.level",
        required=True,
        domain="[('id', 'in', allowed_level_ids)]",
    )
    step_id = fields.Many2one("relance.step", compute="_compute_step_id")
    allowed_channel_ids = fields.Many2many(
        "relance.channel", compute="_compute_allowed_channel_ids"
    )
    channel_id = GuardedMany2one(
        "relance.channel",
        string="Type",
        compute="_compute_channel_id",
        store=True,
        readonly=False,
        required=True,
        precompute=True,
        domain="[('id', 'in', allowed_channel_ids)]",
    )
    channel_kind = fields.Selection(related="channel_id.kind")
    note = fields.Char(string="Comment")
    # Whom « Contrôles » found.
    contact_id = fields.Many2one("res.partner", readonly=True)
    without_mail = fields.Boolean(readonly=True)
    mail_replaced = fields.Boolean(readonly=True)
    problem = fields.Char(readonly=True)
    caution = fields.Char(readonly=True)
    warning = fields.Char(compute="_compute_warning")
    remark = fields.Char(string="To know", compute="_compute_remark")

    # Mended in « Contrôles »: they go to the « Relance » contact.
    email = fields.Char(compute="_compute_contact", readonly=False)
    phone = fields.Char(compute="_compute_contact", readonly=False)
    street = fields.Char(compute="_compute_contact", readonly=False)
    street2 = fields.Char(compute="_compute_contact", readonly=False)
    zip = fields.Char(compute="_compute_contact", readonly=False)
    city = fields.Char(compute="_compute_contact", readonly=False)
    country_id = fields.Many2one(
        "res.country", compute="_compute_contact", readonly=False
    )

    @api.depends("item_ids")
    def _compute_move_line_ids(self):
        """Show those journal items that still exist, as far as the person sees them."""
        ids = {id_ for line in self for id_ in line.item_ids or ()}
        seen = {*self.env["account.move.line"].search([("id", "in", [*ids])])._ids}
        for line in self:
            line.move_line_ids = [id_ for id_ in line.item_ids or () if id_ in seen]

    @api.depends("plan_id", "sent_level_id", "advised_level_id")
    def _compute_allowed_level_ids(self):
        for line in self:
            line.allowed_level_ids = line._allowed_levels()

    def _allowed_levels(self):
        """Return the levels that may be chosen (D2)."""
        return self.plan_id._levels_between(self.sent_level_id, self.advised_level_id)

    @api.depends("move_line_ids")
    def _compute_item_links(self):
        for line in self:
            line.item_links = Markup(" ").join(
                Markup('<a href="/odoo/account.move/%s" target="_blank">%s</a>')
                % (move.id, move.name)
                for move in line.move_line_ids.move_id
            )

    @api.depends("problem", "advice", "warning", "caution")
    def _compute_remark(self):
        for line in self:
            parts = (line.problem, line.advice, line.warning, line.caution)
            line.remark = " ".join(filter(None, parts))

    @api.onchange("level_id", "channel_id")
    def _onchange_channel_id(self):
        self._refresh_problems()

    @api.depends("move_line_ids", "step_id")
    def _compute_warning(self):
        """Warn where entries that are not due yet are claimed as if they were late."""
        today = fields.Date.context_today(self)
        for line in self:
            early = line.move_line_ids.filtered(
                lambda m: (m.date_maturity or m.date) >= today
            )
            line.warning = (
                bool(early)
                and line.step_id.days > 0
                and self.env._("Not due yet: %s.", ", ".join(early.mapped("move_name")))
            )

    @api.depends("plan_id", "level_id")
    def _compute_step_id(self):
        # There are few steps, for however many customers.
        steps = self.grouped(lambda line: (line.plan_id, line.level_id))
        for (plan, level), lines in steps.items():
            lines.step_id = plan._step_of_level(level)

    @api.depends("step_id", "without_mail")
    def _compute_allowed_channel_ids(self):
        for line in self:
            line.allowed_channel_ids = line.step_id._allowed_channels(line.without_mail)

    @api.depends("level_id")
    def _compute_channel_id(self):
        """The type follows the level (D3), unless a letter replaces the mail (D4)."""
        for line in self:
            line.channel_id = line.step_id._default_channel(
                line.partner_id.relance_mode
            )
            if line.mail_replaced and line.channel_id.kind == "mail":
                line.channel_id = line.channel_id._letter()

    @api.depends("partner_id", "channel_id")
    def _compute_contact(self):
        recipients = self.partner_id._relance_recipients()
        emails = self.partner_id._relance_emails_to_mend()
        for line in self:
            mine = recipients[line.partner_id.id]
            line.update({name: mine.letter_contact[name] for name in CONTACT_FIELDS})
            line.email = emails[line.partner_id.id]
            by_sms = line.channel_kind == "sms"
            line.phone = (mine.sms_contact if by_sms else mine.phone_contact).phone

    @api.model_create_multi
    def create(self, vals_list):
        lines = super().create(vals_list)
        lines._refresh_problems()
        return lines

    @api.model
    def _insert_prepared(self, vals_list):
        """Create lines in bulk, each with the type it takes by itself, and with what
        « Contrôles » say of it.

        :param list vals_list: values of columns
        :return: the lines
        """
        companies, plans = self.env["res.company"], self.env["relance.plan"]
        levels = self.env["relance.level"]
        ids = [vals["partner_id"] for vals in vals_list]
        customers = self.env["res.partner"].browse(ids).with_prefetch(ids)

        # There are few of them, for however many customers.
        @cache
        def step(plan_id, level_id):
            plan = plans.browse(plan_id or ())
            return plan._step_of_level(levels.browse(level_id))

        @cache
        def channel(step, mode):
            return step._default_channel(mode)

        drafts = []
        for vals, customer in zip(vals_list, customers, strict=True):
            taken = step(vals["plan_id"], vals["level_id"])
            by_itself = channel(taken, customer.relance_mode)
            vals["channel_id"] = by_itself.id
            drafts.append(
                Draft(companies.browse(vals["company_id"]), customer, by_itself, taken)
            )
        for vals, found in zip(vals_list, self._controls(drafts), strict=True):
            vals.update(found)
        if self._is_for_create(vals_list):
            return self.create(vals_list)
        # The dialog reads them, in a transaction of its own.
        return self._insert_rows(vals_list, cache=False)

    def write(self, vals):
        contact_vals = {name: vals[name] for name in CONTACT_FIELDS if name in vals}
        result = super().write(
            {name: value for name, value in vals.items() if name not in contact_vals}
        )
        if contact_vals:
            for partner in self.partner_id:
                partner._relance_set_contact(contact_vals)
            self.invalidate_recordset(CONTACT_FIELDS)
        if contact_vals or {"channel_id", "level_id"} & set(vals):
            self._refresh_problems()
        return result

    def _refresh_problems(self):
        """Say on each line why it cannot be sent as it is, if so (D5)."""
        drafts = [
            Draft(line.company_id, line.partner_id, line.channel_id, line.step_id)
            for line in self
        ]
        for line, found in zip(self, self._controls(drafts), strict=True):
            old = line._convert_to_write({name: line[name] for name in found})
            # Written only where it changes: of most lines there is nothing to say.
            changed = {
                name: value for name, value in found.items() if old[name] != value
            }
            if changed:
                line.write(changed)

    @api.model
    def _controls(self, drafts):
        """Return what « Contrôles » say of each line: values of its fields (D5).

        :param list[Draft] drafts: the lines
        :rtype: list[dict]
        """
        customers = self.env["res.partner"].union(*(d.partner for d in drafts))
        recipients = customers._relance_recipients()
        return self._controls_of(drafts, [recipients[d.partner.id] for d in drafts])

    @api.model
    def _controls_of(self, drafts, recipients):
        """Return the same, knowing who receives the reminders of each customer.

        :param list[Recipients] recipients: of each line
        """
        offers_mail = cache(lambda step: step._offers_mail())
        return [
            {
                # Asked at every level, this would take longer than all the rest.
                "without_mail": offers_mail(draft.step) and bool(mine.mail_problem),
                **self._control_vals(draft, mine),
            }
            for draft, mine in zip(drafts, recipients, strict=True)
        ]

    @api.model
    def _control_vals(self, draft, recipients):
        """Return what « Contrôles » say of a line."""
        delivery = draft.channel._delivery()
        return {
            "problem": delivery._problem(recipients, draft.channel),
            "contact_id": delivery._contact(recipients).id,
        }

    def _replace_missing_mail(self, replace):
        """Turn the mails of customers without address into letters, or back (D4)."""
        if replace:
            mails = self.filtered(
                lambda line: line.channel_kind == "mail" and line.without_mail
            )
            mails.mail_replaced = True
            mails.channel_id = self.env["relance.channel"]._letter()
        else:
            replaced = self.filtered("mail_replaced")
            replaced.mail_replaced = False
            self.env.add_to_compute(self._fields["channel_id"], replaced)
            replaced._refresh_problems()

    def _check_choices(self):
        """Refuse a level or type that is not offered (D2, D3).

        :raise ValidationError: naming the customer and what is allowed
        """
        # There are few choices, for however many customers.
        choices = self._read_group(
            [("id", "in", self.ids)], self._choice_fields(), ["id:min"]
        )
        for *_choice, id_ in choices:
            self.browse(id_)._check_choice()

    def _choice_fields(self):
        """Return the names of all on which it depends whether level and type may be
        chosen."""
        return [
            "plan_id",
            "sent_level_id",
            "advised_level_id",
            "level_id",
            "channel_id",
            "without_mail",
        ]

    def _check_choice(self):
        levels = self._allowed_levels()
        if self.level_id not in levels:
            raise ValidationError(
                self.env._(
                    "%(customer)s: choose one of the levels %(levels)s.",
                    customer=self.partner_id.display_name,
                    levels=", ".join(levels.mapped("name")),
                )
            )
        if self.channel_id not in self.allowed_channel_ids:
            raise ValidationError(
                self.env._(
                    "%(customer)s: choose one of the types %(types)s.",
                    customer=self.partner_id.display_name,
                    types=", ".join(self.allowed_channel_ids.mapped("name")),
                )
            )

    @api.model
    def _unlink_prepared_with(self, records):
        """Take away what is prepared with plans, levels or types that are being
        deleted, and say so: on the preparation, or on the batch that it waits for."""
        names = [
            name
            for name, field in self._fields.items()
            if isinstance(field, GuardedMany2one)
            and field.comodel_name == records._name
        ]
        # Whoever deletes them need not see what others prepare.
        lines = self.sudo().search(
            Domain.OR(Domain(name, "in", records.ids) for name in names)
        )
        for place, theirs in lines.grouped(
            lambda r: r.batch_id or r.prepare_id
        ).items():
            lang = theirs.prepare_id.create_uid.lang
            texts = theirs.with_context(lang=lang)._deleted_texts()
            place.with_context(lang=lang)._add_left_out(texts)
        lines.unlink()

    def _deleted_texts(self):
        """Return a sentence for each entry of lines whose plan, level or type is being
        deleted.

        :rtype: list[str]
        """
        return [
            self.env._(
                "%s: the plan, level or type of its reminder was deleted meanwhile. "
                "Prepare it again.",
                item.move_name,
            )
            for item in self.move_line_ids
        ]

    def _fill_batch(self):
        """Create the reminders of these lines in the batch they wait for, with the
        rights, companies and language of its author."""
        batch = self.batch_id
        author = batch.user_id
        batch = batch.with_user(author).with_context(
            allowed_company_ids=batch.company_id.ids, lang=author.lang, tz=author.tz
        )
        batch._fill([line._reminder_request() for line in self.with_env(batch.env)])

    def _leave_out(self, error):
        """Say on the batch why this line's reminder could not be created."""
        self.batch_id._add_left_out([f"{self.partner_id.display_name}: {error}"])

    def _reminder_request(self):
        """Return what the batch creates of this line."""
        return ReminderRequest(
            company=self.company_id,
            partner=self.partner_id,
            currency=self.currency_id,
            level=self.level_id,
            channel=self.channel_id,
            item_ids=self.item_ids or [],
            note=self.note,
            contact=not self.problem and self.contact_id,
        )
