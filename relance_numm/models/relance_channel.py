from odoo import api, fields, models


class RelanceChannel(models.Model):
    """A type of reminder (type de relance), by what it does to the customer."""

    _name = "relance.channel"
    _description = "Reminder type"
    _order = "sequence, id"

    name = fields.Char(required=True, translate=True)
    code = fields.Char(required=True, readonly=True, copy=False)
    kind = fields.Selection(
        [
            ("mail", "Email"),
            ("letter", "Letter"),
            ("sms", "SMS"),
            ("activity", "Activity"),
        ],
        required=True,
        readonly=True,
        help="What the reminder does. An addon adds one with its own "
        "“relance.delivery.<kind>” model.",
    )
    sequence = fields.Integer(default=100)
    active = fields.Boolean(default=True)

    _code_uniq = models.Constraint(
        "UNIQUE(code)", "Another reminder type already has this code."
    )

    def unlink(self):
        """Override: what is prepared with one goes with it."""
        self.env["relance.prepare.line"]._unlink_prepared_with(self)
        return super().unlink()

    @api.constrains("active")
    def _check_no_step_needs_it(self):
        archived = self.filtered(lambda channel: not channel.active)
        steps = self.env["relance.step"].sudo()
        steps.search([("channel_ids", "in", archived.ids)])._check_channels()

    def _delivery(self):
        """Return the model that delivers reminders of this type.

        :rtype: relance.delivery
        """
        self.ensure_one()
        return self._delivery_of(self.kind)

    def _route_text(self, route):
        """Return the sentence that says how a customer is reached, or why he is not.

        :param Route route: how an automatic reminder of this type reaches him
        """
        self.ensure_one()
        text = self.name
        address = self._delivery()._address_text(route.recipients)
        if address and not route.problem:
            text = " ".join([text, self.env._("to %s", address)])
        text = ", ".join([text, *route.companions.mapped("name")])
        if route.problem:
            return self.env._(
                "%(type)s will not leave: %(problem)s",
                type=text,
                problem=route.problem,
            )
        if route.replaced:
            return f"{text} ({route.replaced})"
        return text

    @api.model
    def _delivery_of(self, kind):
        """Return the model that delivers a kind of reminder."""
        return self.env[f"relance.delivery.{kind}"]

    @api.model
    def _letter(self):
        """Return the plain letter, what a mail without address becomes (D4)."""
        # Not env.ref, which asks the database each time; this one is cached.
        id_ = self.env["ir.model.data"]._xmlid_to_res_id("relance_numm.channel_letter")
        return self.browse(id_)
