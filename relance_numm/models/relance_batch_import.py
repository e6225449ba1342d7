from datetime import date, datetime, time
from typing import NamedTuple

from odoo import api, models
from odoo.exceptions import UserError
from odoo.fields import Command, Domain
from odoo.tools import groupby, split_every

from ..client_actions import notification

# Reminders created at a time.
INSERT_SIZE = 1000
# Reminders named when they cannot be undone; the rest is counted.
KEPT_SHOWN = 5


class PastReminder(NamedTuple):
    """A reminder that was made elsewhere: of which rows, at which level, when."""

    items: models.Model
    level: models.Model
    date: date


class RelanceBatchImport(models.Model):
    """Going live: reminders made elsewhere, taken over and given back (G4)."""

    _inherit = "relance.batch"

    @api.model
    def _take_over(self, past):
        """Note reminders that were made elsewhere as sent; nothing leaves.

        :param list[PastReminder] past: checked already, on entries that are locked
        :return: the batches, one per company
        :raise UserError: where there is no template at all
        """
        importing = self.with_context(relance_origin="import")
        batches = self.browse()
        for company, theirs in groupby(past, key=lambda p: p.items.company_id):
            batch = importing._new_batch(company).with_env(self.env)
            batch._insert_past(theirs)
            batches |= batch
        return batches

    def _insert_past(self, past):
        items = past[0].items.browse(id_ for p in past for id_ in p.items.ids)
        contacts = self._past_contacts(items.partner_id)
        templates = {
            (plan, level): self._past_template(plan, level)
            for plan, level in {(p.items.plan_id[:1], p.level) for p in past}
        }
        numbers = self.company_id._relance_next_numbers(len(past))
        vals_list = [
            {
                **self._prepare_past_vals(p),
                "name": number,
                "contact_id": contacts[p.items.partner_id.id],
                "template_id": templates[p.items.plan_id[:1], p.level].id,
            }
            for p, number in zip(past, numbers, strict=True)
        ]
        # Only this pipeline creates reminders. Nothing happened here that the chatter
        # could tell.
        reminders = (
            self.env["relance.reminder"]
            .sudo()
            .with_context(tracking_disable=True, mail_create_nosubscribe=True)
        )
        for chunk in split_every(INSERT_SIZE, vals_list, list):
            reminders.create(chunk)
        self.env.flush_all()
        self.env["relance.reminder.line"]._mark_last(items.move_line_id)

    @api.model
    def _past_channel(self):
        """Return the type that reminders made elsewhere are filed under."""
        # Not env.ref, which asks the database each time; this one is cached.
        id_ = self.env["ir.model.data"]._xmlid_to_res_id("relance_numm.channel_email")
        return self.env["relance.channel"].browse(id_)

    @api.model
    def _past_contacts(self, partners):
        """Return the id of the contact of each customer.

        :rtype: dict[int, int]
        """
        delivery = self._past_channel()._delivery()
        return {
            partner_id: delivery._contact(recipients).id
            for partner_id, recipients in partners._relance_recipients().items()
        }

    def _past_template(self, plan, level):
        """Return the template that a reminder made elsewhere is filed under: that of
        the plan's step at this level, else of the one before, else of the first.

        :raise UserError: where there is no template at all
        """
        steps = plan.step_ids.sorted("number")
        reached = steps.filtered(
            lambda step: step.level_id._compare_key() <= level._compare_key()
        )
        template = (reached[-1:] or steps[:1]).template_id
        return template or self._any_template(level)

    def _any_template(self, level):
        """Return a template for the customers that no plan fits."""
        templates = self.env["relance.template"].search(
            Domain("company_id", "=", False)
            | Domain("company_id", "parent_of", self.company_id.ids)
        )
        if not templates:
            raise UserError(
                self.env._(
                    "There is no template yet. Create one first: Reminders › "
                    "Configuration › Templates."
                )
            )
        of_level = templates.filtered(lambda t: level in t.step_ids.level_id)
        return (of_level or templates)[:1]

    def _prepare_past_vals(self, past):
        """Return the values of a reminder that was made elsewhere."""
        return {
            "batch_id": self.id,
            "company_id": self.company_id.id,
            "currency_id": past.items.currency_id.id,
            "partner_id": past.items.partner_id.id,
            "user_id": self.user_id.id,
            "date": past.date,
            # The hour is not known: one at which it is that day everywhere in Europe.
            "date_sent": datetime.combine(past.date, time(12)),
            "plan_id": past.items.plan_id[:1].id,
            "level_id": past.level.id,
            "channel_id": self._past_channel().id,
            "state": "sent",
            "origin": "import",
            "line_ids": [
                Command.create(self._prepare_past_line_vals(past, item))
                for item in past.items
            ],
        }

    @api.model
    def _prepare_past_line_vals(self, past, item):
        """Return the values of its line: how late it was then, what is owed now."""
        return {
            **self.env["relance.reminder.line"]._prepare_item_vals(item),
            "days_late": (past.date - item.date_due).days,
        }

    # Giving back

    def action_undo_import(self):
        """Delete the reminders taken over in these batches: their entries have again
        the level that they had before. Those that were reminded again since are kept.

        :return: the action that says what became of them
        :raise UserError: where none can be deleted
        """
        self.check_access("unlink")
        taken_over = self.filtered(lambda b: b.origin == "import").reminder_ids
        undone = self._not_reminded_since(taken_over)
        kept = taken_over - undone
        if not undone:
            raise UserError(self._nothing_to_undo_text(kept))
        for batch, mine in undone.grouped("batch_id").items():
            # What became of a batch is a fact that people cannot write.
            batch.sudo()._message_log(
                body=self._undone_text(mine, kept & batch.reminder_ids),
                author_id=self.env.user.partner_id.id,
            )
        action = self._action_undone(self._undone_text(undone, kept), kept)
        move_lines = undone.line_ids.move_line_id
        # Nobody may delete a reminder; of these, none was ever sent from here.
        undone.sudo().unlink()
        self.env["relance.reminder.line"]._mark_last(move_lines)
        return action

    @api.model
    def _not_reminded_since(self, reminders):
        """Return those of these reminders that are the last of all their entries, as
        far as these exist, and stay so while this transaction holds them."""
        move_lines = reminders.line_ids.move_line_id
        locked = set(move_lines.try_lock_for_update(allow_referencing=True).ids)
        return reminders.filtered(
            lambda reminder: all(
                not line.move_line_id
                or (line.is_last and line.move_line_id.id in locked)
                for line in reminder.line_ids
            )
        )

    @api.model
    def _nothing_to_undo_text(self, kept):
        if not kept:
            return self.env._("Nothing to undo: no reminder taken over is left here.")
        return self.env._(
            "Nothing can be undone: all these entries were reminded again since."
        )

    @api.model
    def _undone_text(self, undone, kept):
        """Return the sentence that says what was deleted, and what was kept."""
        text = self.env._("Take-over undone. Reminders deleted: %s.", len(undone))
        if not kept:
            return text
        names = kept[:KEPT_SHOWN].mapped("name")
        if len(kept) > KEPT_SHOWN:
            names.append(self.env._("and %s others", len(kept) - KEPT_SHOWN))
        return f"{text} " + self.env._(
            "Kept, as their entries were reminded again since: %s.", ", ".join(names)
        )

    @api.model
    def _action_undone(self, message, kept):
        return notification(message, "warning" if kept else "success")
