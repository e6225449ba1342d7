from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import is_html_empty

from ..client_actions import CLOSE_DIALOG, dialog, notification


class RelanceDisavow(models.TransientModel):
    """« Désavouer »: says what will happen, asks for the note, shows the apology."""

    _name = "relance.disavow"
    _description = "Disavow reminders"

    reminder_ids = fields.Many2many("relance.reminder", required=True, readonly=True)
    reminder_count = fields.Integer(compute="_compute_reminder_count")
    aside_text = fields.Char(string="Left aside", readonly=True)
    note = fields.Char(string="Why", help="The customer does not see it.")
    has_address = fields.Boolean(compute="_compute_has_address")
    send_apology = fields.Boolean(
        string="Mail an apology",
        compute="_compute_send_apology",
        store=True,
        readonly=False,
    )
    template_id = fields.Many2one(
        "mail.template",
        default=lambda self: self.env["relance.reminder"]._apology_template(),
        domain=[("model", "=", "relance.reminder")],
    )
    email_to = fields.Char(string="To", compute="_compute_email_to")
    subject = fields.Char(compute="_compute_texts", store=True, readonly=False)
    body = fields.Html(
        string="Message",
        compute="_compute_texts",
        store=True,
        readonly=False,
        sanitize="email_outgoing",
    )
    summary = fields.Html(compute="_compute_summary")

    @api.constrains("reminder_ids")
    def _check_reminder_ids(self):
        # What the dialog shows of reminders is not for everybody; Odoo checks
        # constraints with all rights.
        self.sudo(False).reminder_ids.check_access("write")

    @api.model
    def _create_for(self, reminders):
        """Return the wizard on those of these reminders that can be disavowed.

        :raise UserError: where there is none, saying why
        """
        reminders.check_access("write")
        possible = reminders._check_disavowable()
        aside = reminders - possible
        texts = [reminder._not_disavowable_text() for reminder in aside[:5]]
        if len(aside) > len(texts):
            texts.append(self.env._("and %s others", len(aside) - len(texts)))
        return self.create(
            {"reminder_ids": possible.ids, "aside_text": "; ".join(texts)}
        )

    def _action_open(self):
        return dialog(self, self.env._("Disavow"))

    @api.depends("reminder_ids")
    def _compute_reminder_count(self):
        for wizard in self:
            wizard.reminder_count = len(wizard.reminder_ids)

    @api.depends("reminder_ids")
    def _compute_has_address(self):
        for wizard in self:
            wizard.has_address = any(wizard._emails().values())

    @api.depends("has_address")
    def _compute_send_apology(self):
        for wizard in self:
            wizard.send_apology = wizard.has_address and bool(wizard.template_id)

    @api.depends("reminder_ids")
    def _compute_email_to(self):
        for wizard in self:
            emails = wizard._emails()
            wizard.email_to = ", ".join(emails.get(wizard._shown().id, ()))

    @api.depends("reminder_ids", "template_id")
    def _compute_texts(self):
        for wizard in self:
            reminder, template = wizard._shown(), wizard.template_id._origin
            texts = (
                reminder._apology_texts(template)[reminder.id]
                if reminder and template
                else {}
            )
            wizard.subject = texts.get("subject")
            wizard.body = texts.get("body_html")

    def _emails(self):
        """Return where each apology would go.

        :rtype: dict[int, list[str]]
        """
        # The dialog's own rights were checked; those on the customer need not be
        # there.
        reminders = self.reminder_ids._origin.sudo()
        return reminders._without_companions()._apology_emails()

    def _shown(self):
        """Return the reminder whose apology is shown: the first that is mailed."""
        emails = self._emails()
        return self.reminder_ids._origin.filtered(lambda r: emails.get(r.id))[:1]

    @api.depends("reminder_ids", "send_apology")
    @api.depends_context("lang")
    def _compute_summary(self):
        for wizard in self:
            wizard.summary = Markup("<ul class='mb-0'>%s</ul>") % Markup("").join(
                Markup("<li>%s</li>") % sentence for sentence in wizard._sentences()
            )

    def _sentences(self):
        """Return what will happen, for a person to confirm.

        :rtype: list[str]
        """
        reminders = self.reminder_ids._origin
        return [
            self.env._(
                "No longer counts, and its level neither: %s.", reminders._named_text()
            ),
            self.env._(
                "The reminder keeps its number; it, its invoices and its customer say "
                "that it was disavowed."
            ),
            *self._automatic_sentences(reminders),
            *self._apology_sentences(reminders),
            *filter(None, [self.aside_text and self._aside_sentence()]),
        ]

    def _automatic_sentences(self, reminders):
        if "invoice" not in reminders.company_id.mapped("relance_on"):
            return []
        return [
            self.env._(
                "The same step is not made again by itself: the invoices wait for the "
                "next one."
            )
        ]

    def _aside_sentence(self):
        return self.env._("Left aside: %s.", self.aside_text)

    def _apology_sentences(self, reminders):
        emails = self._emails()
        reached = reminders.filtered(lambda r: emails.get(r.id))
        unreached = reminders.filtered(lambda r: r.id in emails) - reached
        if not self.send_apology:
            unreached = reminders.browse() if reached else unreached
            reached = reminders.browse()
        sentences = []
        if reached:
            sentences.append(
                self.env._("An apology leaves by mail for: %s.", reached._named_text())
            )
        if unreached:
            sentences.append(
                self.env._(
                    "No address to mail, so no apology leaves for: %s.",
                    unreached._named_text(),
                )
            )
        return sentences or [self.env._("No apology is mailed.")]

    def action_confirm(self):
        """Disavow the reminders, and mail the apologies."""
        self.ensure_one()
        apologies = self._apologies() if self.send_apology else {}
        done = self.reminder_ids._disavow(self.note, apologies)
        return notification(self._done_text(done), "success", CLOSE_DIALOG)

    def _done_text(self, done):
        text = self.env._("Reminders disavowed: %s.", len(done))
        apologized = done.filtered("apology_email_to")
        if apologized:
            text += " " + self.env._(
                "Apologies in the mail queue: %s.", len(apologized)
            )
        return text

    def _apologies(self):
        """Return the apology for each reminder: as it was edited where there is one
        only, else by the template, in the language of each customer.

        :rtype: dict[int, dict[str, str]]
        :raise UserError: where there is nothing to send
        """
        reminders = self.reminder_ids._without_companions()
        if len(reminders) == 1:
            if not self.subject or is_html_empty(self.body):
                raise UserError(
                    self.env._(
                        "The apology has no subject or no text: write it, or untick "
                        "“Mail an apology”."
                    )
                )
            return {reminders.id: {"subject": self.subject, "body_html": self.body}}
        if not self.template_id:
            raise UserError(
                self.env._(
                    "Choose the template of the apology, or untick “Mail an apology”."
                )
            )
        return reminders._apology_texts(self.template_id)
