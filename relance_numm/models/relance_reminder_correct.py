from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from ..client_actions import notification
from ..tools import malformed_email
from .relance_batch_error import MAX_NAMED


class RelanceReminderCorrect(models.Model):
    """« À corriger »: what failed, why, and what mends it (D5, F1).

    The second try is the same reminder: whatever is mended, its number stays.
    """

    _inherit = "relance.reminder"

    allowed_channel_ids = fields.Many2many(
        "relance.channel",
        string="Types to choose from",
        compute="_compute_allowed_channel_ids",
    )
    address_used = fields.Char(
        compute="_compute_address_used", help="Where the reminder was to go."
    )
    mend_email = fields.Char(
        string="Correct email",
        compute="_compute_mend_email",
        inverse="_inverse_mend_email",
        help="The address is kept on the customer's “Reminder” contact.",
    )
    next_try = fields.Char(
        string="Sent again",
        compute="_compute_next_try",
        help="Where the reminder goes if it is sent again now, or why it cannot.",
    )
    next_try_problem = fields.Boolean(compute="_compute_next_try")

    # Types

    @api.depends("plan_id", "level_id", "channel_id")
    def _compute_allowed_channel_ids(self):
        channels = self.env["relance.channel"].search([("active", "=", True)])
        for reminder in self:
            step = reminder.plan_id._step_of_level(reminder.level_id)
            # A plan that has lost the step since says nothing any longer.
            reminder.allowed_channel_ids = (
                step._allowed_channels(without_mail=True) | reminder.channel_id
                if step
                else channels
            )

    def _check_channel_allowed(self):
        """Refuse a type that the step of the reminder does not offer (D3).

        :raise ValidationError: naming the reminder and what is offered
        """
        for reminder in self:
            step = reminder.plan_id._step_of_level(reminder.level_id)
            allowed = step._allowed_channels(without_mail=True)
            if step and reminder.channel_id not in allowed:
                raise ValidationError(
                    self.env._(
                        "%(reminder)s, %(customer)s: choose one of the types "
                        "%(types)s.",
                        reminder=reminder.name,
                        customer=reminder.partner_id.display_name,
                        types=", ".join(allowed.mapped("name")),
                    )
                )

    def write(self, vals):
        """Override: by hand, only a type that the step offers is chosen."""
        result = super().write(vals)
        if "channel_id" in vals and not self.env.su:
            self._check_channel_allowed()
        return result

    def _change_channel(self, channel):
        """Give these failed reminders another type, where their step offers it.

        :return: those that have it now
        """
        offered = self.filtered(
            lambda r: r.state == "failed" and channel in r.allowed_channel_ids
        )
        offered.filtered(lambda r: r.channel_id != channel).channel_id = channel
        return offered

    def action_change_type(self):
        """Open the dialog that changes the type of these reminders.

        :raise UserError: where none of these failed
        """
        failed = self.filtered(lambda r: r.state == "failed")
        if not failed:
            raise UserError(
                self.env._("Only the type of a reminder that failed can be changed.")
            )
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Change the type"),
            "res_model": "relance.reminder.retype",
            "view_mode": "form",
            "target": "new",
            "context": {"default_reminder_ids": failed.ids},
        }

    # Sending again

    def action_send_again(self):
        """Extend: what became of them is said; what is paid, promised or disputed by
        now is not sent but canceled, and says why.

        :return: a notification
        """
        failed = self.filtered(lambda r: r.state == "failed")
        return (
            super().action_send_again()
            or failed._canceled_notification()
            or failed._confirmed_notification()
        )

    def _canceled_notification(self):
        """Return the notification of those of these reminders that are canceled, and
        why, or None."""
        canceled = self.filtered(lambda r: r.state == "canceled")
        if not canceled:
            return None
        texts = [f"{reminder.name}. {reminder.error}" for reminder in canceled]
        if len(texts) > MAX_NAMED:
            texts = [*texts[:MAX_NAMED], "…"]
        return notification("\n".join(texts), "warning", sticky=True)

    # Addresses

    def _own_address_moves(self):
        """Return the invoices of this reminder that name addresses of their own."""
        return self._active_lines().move_id.filtered("relance_own_emails")

    @api.depends("partner_id", "line_ids.dropped")
    def _compute_mend_email(self):
        theirs = self.partner_id._relance_emails_to_mend()
        # At once: each reminder looks at its own invoices below.
        self._active_lines().move_id.mapped("relance_own_emails")
        for reminder in self:
            own = reminder._own_address_moves()
            reminder.mend_email = own[:1].relance_own_emails or theirs.get(
                reminder.partner_id.id
            )

    def _inverse_mend_email(self):
        """Keep the address where it was taken from: on the invoices that name one, else
        on the « Relance » contact (D5)."""
        for reminder in self:
            email = (reminder.mend_email or "").strip()
            reminder._check_mended_email(email)
            # An accountant mends an address also where he may not write the invoice.
            moves = reminder.sudo()._own_address_moves()
            if moves:
                moves.relance_own_emails = email
            else:
                reminder.partner_id._relance_set_contact({"email": email})

    def _check_mended_email(self, email):
        """Refuse what is no address.

        :raise ValidationError: saying what is wrong, and what else can be done
        """
        if not email:
            raise ValidationError(
                self.env._(
                    "%s: enter an email address, or choose another type.",
                    self.partner_id.display_name,
                )
            )
        malformed = malformed_email(email)
        if malformed:
            raise ValidationError(
                self.env._(
                    "%(customer)s: “%(email)s” is not an email address. Separate "
                    "several addresses by commas.",
                    customer=self.partner_id.display_name,
                    email=malformed,
                )
            )

    def _check_editable(self, vals):
        """Override: the address of a reminder that failed can be mended."""
        if "mend_email" in vals and all(r.state == "failed" for r in self):
            vals = {name: vals[name] for name in vals if name != "mend_email"}
        return super()._check_editable(vals)

    @api.depends("channel_id", "contact_id", "email_to")
    def _compute_address_used(self):
        for reminder in self:
            contact = reminder.contact_id or reminder.partner_id
            if reminder.channel_kind == "mail":
                reminder.address_used = reminder.email_to or contact.email
            elif reminder.channel_kind == "letter":
                street = (contact.street, contact.street2)
                city = " ".join(filter(None, (contact.zip, contact.city)))
                reminder.address_used = ", ".join(filter(None, (*street, city)))
            else:
                reminder.address_used = contact.phone

    @api.depends("channel_id", "mend_email", "state")
    @api.depends_context("lang")
    def _compute_next_try(self):
        failed = self.filtered(lambda r: r.state == "failed")
        # What a person sends again leaves also to an address that came back.
        recipients = failed.with_context(relance_forget_bounced=True)._recipients()
        for reminder in self:
            mine = recipients.get(reminder.id)
            delivery = reminder.channel_id._delivery()
            problem = mine and delivery._problem(mine, reminder.channel_id)
            reminder.next_try_problem = bool(problem)
            reminder.next_try = mine and (problem or delivery._address_text(mine))

    def action_open_contact(self):
        """Open the contact that the reminder is addressed to, to complete it."""
        self.ensure_one()
        contact = self.contact_id or self.partner_id
        return {
            "type": "ir.actions.act_window",
            "res_model": "res.partner",
            "res_id": contact.id,
            "view_mode": "form",
            "views": [(False, "form")],
            "target": "current",
        }
