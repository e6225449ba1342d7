from typing import NamedTuple

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from .relance_plan import PLAN_WRITING
from .res_partner import Recipients

AUTOMATIONS = [
    ("automatic", "Automatic"),
    ("confirm", "To confirm"),
    ("manual", "Manual"),
]
# The kinds of reminder that accompany what is written to the customer.
SPOKEN_KINDS = ("sms", "activity")


class Route(NamedTuple):
    """How an automatic reminder reaches its customer (G2).

    ``channel`` is its type, ``companions`` those made beside it; ``silent`` says of the
    other ones of the step why they are not. ``problem`` says why nobody can be reached
    that way, or is False; ``replaced`` says why a letter replaces the mail.
    """

    channel: models.Model
    companions: models.Model
    silent: dict
    recipients: Recipients
    problem: str | bool
    replaced: str | bool


class RelanceStep(models.Model):
    """A step of a plan: from how many days late on, at which level, with what (A4)."""

    _name = "relance.step"
    _description = "Reminder step"
    _order = "plan_id, number, id"

    plan_id = fields.Many2one(
        "relance.plan", required=True, ondelete="cascade", index=True
    )
    company_id = fields.Many2one(related="plan_id.company_id")
    number = fields.Integer(required=True)
    level_id = fields.Many2one(
        "relance.level", required=True, ondelete="restrict", index=True
    )
    days = fields.Integer(
        string="Days past due",
        required=True,
        help="The step is due from this many days after the due date on; "
        "a negative number is before it.",
    )
    template_id = fields.Many2one(
        "relance.template",
        required=True,
        ondelete="restrict",
        index=True,
        check_company=True,
    )
    channel_ids = fields.Many2many("relance.channel", string="Types", required=True)
    automation = fields.Selection(
        AUTOMATIONS,
        string="By itself",
        default="automatic",
        required=True,
        help="Where reminders are by invoice: sent by themselves, prepared and sent "
        "once somebody confirms, or left to you.",
    )

    @api.depends("number", "level_id", "days")
    def _compute_display_name(self):
        for step in self:
            step.display_name = self.env._(
                "step %(number)s (%(level)s, %(days)s days)",
                number=step.number,
                level=step.level_id.name or "?",
                days=step.days,
            )

    @api.model_create_multi
    def create(self, vals_list):
        # A step without a number continues the series.
        for vals in vals_list:
            if not vals.get("number") and vals.get("plan_id"):
                steps = self.env["relance.plan"].browse(vals["plan_id"]).step_ids
                vals["number"] = max(steps.mapped("number"), default=0) + 1
        return super().create(vals_list)

    @api.constrains("plan_id", "number", "level_id", "days")
    def _check_order(self):
        # While a plan writes its steps one by one the order may be broken for a
        # moment; the plan then checks the whole series itself.
        if self.env.context.get("relance_plan_writing") is not PLAN_WRITING:
            self.plan_id._check_steps()

    @api.constrains("channel_ids")
    def _check_channels(self):
        for step in self:
            if not step.channel_ids.filtered("active"):
                raise ValidationError(
                    self.env._(
                        "Plan “%(plan)s”, %(step)s: choose at least one type of "
                        "reminder.",
                        plan=step.plan_id.name,
                        step=step.display_name,
                    )
                )

    def _automatic_channels(self, by_letter):
        """Return the type of this step's automatic reminder, and the types of those
        that accompany it (G2).

        What is written goes by mail, or by letter to a customer who wants letters or
        cannot be mailed; calls, meetings and SMS of the step are made as well.

        :param bool by_letter: the customer is to get a letter rather than a mail
        :rtype: tuple[relance.channel, relance.channel]
        """
        channels = self._allowed_channels(without_mail=by_letter)
        spoken = channels.filtered(lambda c: c.kind in SPOKEN_KINDS)
        written = channels - spoken
        mails = written.filtered(lambda c: c.kind == "mail")
        others = written - mails
        main = (others[:1] or mails[:1]) if by_letter else (mails[:1] or others[:1])
        main = main or spoken[:1]
        return main, spoken - main

    def _automatic_route(self, recipients, by_letter):
        """Return how this step's automatic reminder reaches a customer (G2).

        :param Recipients recipients: who receives it
        :param bool by_letter: the customer or the invoice wants letters
        :rtype: Route
        """
        wanted, _companions = self._automatic_channels(by_letter)
        replaced = wanted.kind == "mail" and recipients.mail_problem
        channel, companions = self._automatic_channels(by_letter or bool(replaced))
        problems = {
            one: one._delivery()._problem(recipients, one)
            for one in channel | companions
        }
        return Route(
            channel=channel,
            companions=companions.filtered(lambda one: not problems[one]),
            silent={one: problems[one] for one in companions if problems[one]},
            recipients=recipients,
            problem=problems[channel],
            replaced=replaced,
        )

    def _default_channel(self, mode):
        """Return the type a reminder of this step takes by itself: the first, or the
        first letter for a customer who is reminded by letter (D3, B2).

        :param str mode: the customer's ``relance_mode``
        """
        channels = self._allowed_channels()
        letters = channels.filtered(lambda c: c.kind == "letter")
        return (mode == "letter" and letters or channels)[:1]

    def _allowed_channels(self, without_mail=False):
        """Return the types that a reminder of this step may take (D3, D4).

        :param bool without_mail: the customer has no address to mail, so that a plain
            letter may replace the mail.
        :rtype: relance.channel
        """
        channels = self.channel_ids.sorted()
        if without_mail and self._offers_mail():
            channels |= channels._letter()
        return channels

    def _offers_mail(self):
        """Return whether a reminder of this step may be a mail."""
        return "mail" in self.channel_ids.mapped("kind")
