from odoo import models


class ResCompanyTold(models.Model):
    """Whom a company tells of what keeps its reminders from leaving (G3)."""

    _inherit = "res.company"

    def write(self, vals):
        """Override: where reminders are by hand again, nothing waits for the bank."""
        result = super().write(vals)
        if vals.get("relance_on") == "item":
            self._relance_forget_banks()
        return result

    def _relance_responsible(self):
        """Return who is told of what goes wrong: the person of the settings, else one
        of the company's accounting managers."""
        self.ensure_one()
        return self._relance_tellable()[:1] or self.env.user

    def _relance_tellable(self):
        """Return who may be told of what goes wrong, the first one first.

        :rtype: res.users
        """
        self.ensure_one()
        # Who manages the books is no secret to the cron, nor to whoever cancels.
        managers = self.env.ref("account.group_account_manager").sudo().all_user_ids
        return (self.relance_user_id | managers).filtered(
            lambda user: (
                user.active
                and (user == self.relance_user_id or self in user.company_ids)
            )
        )

    def _relance_told_of(self, record):
        """Return who is told of what is wrong with a record: the first who may open it,
        since an activity on what he cannot see asks him for nothing he could do.

        :rtype: res.users
        """
        return next(
            (
                user
                for user in self._relance_tellable()
                if record.with_user(user)
                .with_context(allowed_company_ids=user.company_ids.ids)
                .has_access("read")
            ),
            self._relance_responsible(),
        )

    def _relance_tell_bank(self):
        """Keep an activity on each bank journal that holds reminders back (G3), and
        take it away once the bank is up to date."""
        self.ensure_one()
        company = self._relance_in_own_time()
        late = {status["journal_id"]: status for status in self._relance_late_banks()}
        journals = company.env["account.journal"].search(
            [("type", "=", "bank"), ("company_id", "parent_of", company.ids)]
        )
        activities = journals.activity_search(["relance_numm.mail_activity_bank"])
        activities.filtered(lambda a: a.res_id not in late).unlink()
        told = journals.browse(activities.exists().mapped("res_id"))
        for journal in journals.filtered(lambda j: j.id in late) - told:
            user = company._relance_told_of(journal)
            journal = journal.with_context(lang=user.lang)
            journal.activity_schedule(
                "relance_numm.mail_activity_bank",
                summary=journal.env._("Automatic reminders wait for the bank"),
                note=company.with_context(lang=user.lang)._relance_late_banks_text(),
                user_id=user.id,
            )

    def _relance_forget_banks(self):
        """Take away what asked people to bring the bank up to date for reminders."""
        # Whoever changes the settings need neither read the journals of all branches
        # nor be the one who was asked.
        journals = (
            self.env["account.journal"]
            .sudo()
            .search(
                [
                    ("type", "=", "bank"),
                    ("company_id", "child_of", self.root_id.ids),
                ]
            )
        )
        journals.activity_unlink(["relance_numm.mail_activity_bank"])
