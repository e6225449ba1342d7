from datetime import timedelta

from odoo import fields
from odoo.fields import Command

from .shared_company import SharedCompanyCommon

# The plan of the manual's first screens, and that of the screen with several pièces.
PLAN_DAYS = (-50, 5, 15, 20)
OTHER_PLAN_DAYS = (-50, 5, 30, 60)


class RelanceCommon(SharedCompanyCommon):
    """A customer, the manual's plan, and what it takes to be late."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env.user.group_ids |= cls.env.ref("base.group_multi_company")
        cls.env["res.lang"]._activate_lang("fr_FR")
        cls.company = cls.company_data["company"]
        cls.company.write(
            {
                "relance_internal_email": "recovery@example.com",
                "street": "12 quai des Marques",
                "zip": "33300",
                "city": "Bordeaux",
                "country_id": cls.env.ref("base.fr").id,
                "phone": "05 56 00 00 00",
                "email": "accounts@example.com",
            }
        )
        # The day of the person and of the company is one, also near midnight.
        cls.env.user.tz = cls.company.relance_tz
        cls.today = fields.Date.context_today(cls.env.user)
        cls.level_pre = cls.env.ref("relance_numm.level_pre")
        cls.level_1 = cls.env.ref("relance_numm.level_1")
        cls.level_2 = cls.env.ref("relance_numm.level_2")
        cls.litigation = cls.env.ref("relance_numm.level_litigation")
        cls.levels = cls.level_pre | cls.level_1 | cls.level_2 | cls.litigation
        cls.email = cls.env.ref("relance_numm.channel_email")
        cls.letter = cls.env.ref("relance_numm.channel_letter")
        cls.phone = cls.env.ref("relance_numm.channel_phone")
        cls.formal_notice = cls.env.ref("relance_numm.channel_formal_notice_rar")
        cls.plan = cls._create_plan("Manual", PLAN_DAYS)
        cls.customer = cls._create_customer("Librairie Peyrot")

    @classmethod
    def _create_plan(cls, name, days, **vals):
        templates = ("pre", "1", "2", "litigation")
        return cls.env["relance.plan"].create(
            {
                "name": name,
                "customer_type": "private",
                "step_ids": [
                    Command.create(
                        {
                            "number": number,
                            "level_id": level.id,
                            "days": step_days,
                            "template_id": cls.env.ref(
                                f"relance_numm.template_{template}"
                            ).id,
                            "channel_ids": [
                                Command.set((cls.email | cls.letter | cls.phone).ids)
                            ],
                        }
                    )
                    for number, (level, step_days, template) in enumerate(
                        zip(cls.levels, days, templates, strict=True), 1
                    )
                ],
                **vals,
            }
        )

    @classmethod
    def _create_customer(cls, name, **vals):
        return cls.env["res.partner"].create(
            {
                "name": name,
                "is_company": True,
                "email": f"{name.split()[-1].lower()}@example.com",
                "phone": "+33 6 12 34 56 78",
                "street": "3 rue des Lilas",
                "zip": "33000",
                "city": "Bordeaux",
                "country_id": cls.env.ref("base.fr").id,
                "lang": "fr_FR",
                "relance_plan_id": cls.plan.id,
                **vals,
            }
        )

    def _query_count(self, function, *args):
        """Return how many queries a function takes, its changes written."""
        self.env.flush_all()
        self.env.invalidate_all()
        before = self.cr.sql_log_count
        function(*args)
        self.env.flush_all()
        return self.cr.sql_log_count - before

    def _prepare_many(self, count):
        """Return the preparation of so many customers' invoices."""
        return self._prepare(
            self.env["account.move"].union(
                *(
                    self._invoice(8, partner=self._create_customer(f"Many {number}"))
                    for number in range(count)
                )
            )
        )

    @classmethod
    def _invoice(cls, days_late, amount=100.0, partner=None, **vals):
        """Return a posted customer invoice of one line without tax."""
        due = cls.today - timedelta(days_late)
        # A quarter of the time goes into the log of its creation.
        moves = cls.env["account.move"].with_context(tracking_disable=True)
        move = moves.create(
            {
                "move_type": "out_invoice",
                "partner_id": (partner or cls.customer).id,
                "invoice_date": min(due, cls.today) - timedelta(30),
                "invoice_date_due": due,
                "invoice_payment_term_id": False,
                "invoice_line_ids": [
                    Command.create(
                        {
                            "name": "Paper",
                            "quantity": 1,
                            "price_unit": amount,
                            "tax_ids": [Command.clear()],
                        }
                    )
                ],
                **vals,
            }
        )
        move.action_post()
        return move.with_env(cls.env)

    @classmethod
    def _items(cls, moves):
        """Return the rows of the work list of these moves, in their order."""
        cls.env["relance.item"].invalidate_model()
        items = cls.env["relance.item"].search([("move_id", "in", moves.ids)])
        return items.sorted(lambda i: moves.ids.index(i.move_id.id))

    @classmethod
    def _prepare(cls, moves):
        """Return the wizard opened on the rows of these moves."""
        action = cls._items(moves).action_prepare()
        return cls.env["relance.prepare"].browse(action["res_id"])

    @classmethod
    def _request(cls, moves, level, channel):
        from ..models.relance_batch import ReminderRequest

        items = cls._items(moves)
        return ReminderRequest(
            company=items.company_id,
            partner=items.partner_id,
            currency=items.currency_id,
            level=level,
            channel=channel,
            item_ids=items.ids,
        )

    @classmethod
    def _already_reminded(cls, moves, level, days_ago=0, state="sent"):
        """Return a reminder made some days ago, as if it had gone through it all."""
        items = cls._items(moves)
        lines = cls.env["relance.reminder.line"]
        reminder = (
            cls.env["relance.reminder"]
            .sudo()
            .create(
                {
                    "name": "R-0000-0001",
                    "company_id": items.company_id.id,
                    "currency_id": items.currency_id.id,
                    "partner_id": items.partner_id.id,
                    "contact_id": items.partner_id.id,
                    "date": cls.today - timedelta(days_ago),
                    "plan_id": items.plan_id.id,
                    "level_id": level.id,
                    "template_id": cls.env.ref("relance_numm.template_1").id,
                    "channel_id": cls.email.id,
                    "email_to": "peyrot@example.com",
                    "line_ids": [
                        Command.create(lines._prepare_item_vals(item)) for item in items
                    ],
                }
            )
        )
        reminder._set_state(state)
        if state == "sent":
            reminder.date_sent -= timedelta(days_ago)
        return reminder.sudo(False)

    @classmethod
    def _pay(cls, move, amount=None):
        """Register a payment and reconcile it with the invoice."""
        wizard = (
            cls.env["account.payment.register"]
            .with_context(active_model="account.move", active_ids=move.ids)
            .create({})
        )
        if amount:
            wizard.amount = amount
        wizard.action_create_payments()
