from odoo import api, fields, models
from odoo.exceptions import ValidationError

REGISTERED_CODES = ("letter_rar", "formal_notice_rar")
FORMAL_NOTICE_CODES = ("formal_notice_rar",)


class RelanceChannelPost(models.Model):
    """How letters of a type leave: registered or not, printed here or by a provider."""

    _inherit = "relance.channel"

    registered = fields.Boolean(
        compute="_compute_registered",
        store=True,
        readonly=False,
        precompute=True,
        help="Registered letter with acknowledgement of receipt: its number and its "
        "dates are noted on the reminder.",
    )
    provider = fields.Selection(
        [("here", "Printed here")],
        string="Printed and posted by",
        default="here",
        required=True,
        help="Who prints the letters of this type and hands them to the post. An addon "
        "adds a provider with its own “relance.post.provider.<provider>” model.",
    )

    @api.depends("code")
    def _compute_registered(self):
        for channel in self:
            channel.registered = channel.code in REGISTERED_CODES

    @api.constrains("kind", "registered", "provider")
    def _check_provider(self):
        for channel in self:
            provider = channel._post_provider()
            handed = provider is not None
            if channel.kind != "letter" and (handed or channel.registered):
                raise ValidationError(
                    self.env._(
                        "“%s” is not a letter: it is neither registered nor posted by "
                        "a provider.",
                        channel.name,
                    )
                )
            if handed and channel.registered and not provider._posts_registered():
                raise ValidationError(
                    self.env._(
                        "%(provider)s posts no registered letters: choose another "
                        "provider for the type “%(type)s”, or “Printed here”.",
                        provider=channel._provider_name(),
                        type=channel.name,
                    )
                )

    def _post_provider(self):
        """Return the model of who prints and posts letters of this type, or None where
        they are printed here.

        :rtype: relance.post.provider | None
        """
        self.ensure_one()
        return self.env["relance.post.provider"]._of(self.provider)

    def _provider_name(self):
        self.ensure_one()
        return dict(self._fields["provider"]._description_selection(self.env)).get(
            self.provider
        )

    def _is_formal_notice(self):
        """Return whether reminders of this type are a mise en demeure (C. civ. 1344),
        which is checked before it leaves."""
        self.ensure_one()
        return self.code in FORMAL_NOTICE_CODES
