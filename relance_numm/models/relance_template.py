import re
from functools import lru_cache

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

TEXT_FIELDS = (
    "subject",
    "body_html",
    "signature",
    "letter_top",
    "letter_bottom",
    "letter_footer",
    "sms_text",
)
LETTER_TEXT_FIELDS = (
    "subject",
    "letter_top",
    "letter_bottom",
    "letter_footer",
    "signature",
)
# With the letter's, as each mail has it attached.
MAIL_TEXT_FIELDS = ("body_html", *LETTER_TEXT_FIELDS)
EXPRESSIONS = re.compile(
    r"""t-out\s*=\s*(?:"([^"]*)"|'([^']*)')|\{\{(.*?)\}\}""", re.DOTALL
)
# What may differ from a reminder to the next: placeholders, and whatever QWeb knows.
DYNAMIC = re.compile(r"\bt-|<t\b|\{\{")
PLAIN_EXPRESSION = re.compile(r"object\.(\w+)(?:\.\w+)*")


# Thousands of reminders have the texts of a few templates.
@lru_cache(maxsize=256)
def placeholders_in(text):
    """Return the expressions in a text.

    >>> placeholders_in("{{object.name}}: <t t-out='object.total_text'>12 €</t>")
    ('object.name', 'object.total_text')
    """
    return tuple(
        next(filter(None, groups), "").split("|||")[0].strip()
        for groups in EXPRESSIONS.findall(text)
    )


class RelanceTemplate(models.Model):
    """What a reminder says, as a mail and as a letter (modèle, A2)."""

    _name = "relance.template"
    _description = "Reminder template"
    _inherit = ["mail.render.mixin"]
    _order = "sequence, name, id"
    _check_company_auto = True
    _check_company_domain = models.check_company_domain_parent_of
    # As mail.template: whoever may write complex placeholders is checked when the
    # template is saved, so that any accountant and the cron can render it.
    _unrestricted_rendering = True

    name = fields.Char(required=True, translate=True)
    sequence = fields.Integer(default=10)
    active = fields.Boolean(default=True)
    company_id = fields.Many2one("res.company", string="Entity", index=True)
    user_id = fields.Many2one(
        "res.users", string="Owner", default=lambda self: self._default_user_id()
    )
    subject = fields.Char(required=True, translate=True)
    body_html = fields.Html(
        string="Email message",
        translate=True,
        sanitize="email_outgoing",
        render_engine="qweb",
        render_options={"post_process": True},
    )
    signature = fields.Html(
        translate=True, sanitize="email_outgoing", render_engine="qweb"
    )
    letter_top = fields.Html(
        string="Top text",
        translate=True,
        sanitize="email_outgoing",
        render_engine="qweb",
    )
    letter_bottom = fields.Html(
        string="Bottom text",
        translate=True,
        sanitize="email_outgoing",
        render_engine="qweb",
    )
    letter_footer = fields.Html(
        string="Footer",
        translate=True,
        sanitize="email_outgoing",
        render_engine="qweb",
    )
    sms_text = fields.Text(
        string="SMS",
        translate=True,
        help="Short and neutral: whoever holds the phone reads it. Empty: the usual "
        "text.",
    )
    attach_invoices = fields.Boolean(
        help="The PDF of each invoice is attached to the mail, beside the letter."
    )
    step_ids = fields.One2many("relance.step", "template_id", string="Used by")

    def _default_user_id(self):
        return self.env.user

    def _compute_render_model(self):
        self.render_model = "relance.reminder"

    def copy_data(self, default=None):
        vals_list = super().copy_data(default)
        if "name" not in (default or {}):
            for template, vals in zip(self, vals_list, strict=True):
                vals["name"] = self.env._("%s (copy)", template.name)
        return vals_list

    @api.ondelete(at_uninstall=False)
    def _unlink_except_used(self):
        reminded = self.env["relance.reminder"].sudo()
        for template in self:
            step = template.sudo().step_ids[:1]
            if not step and reminded.search(
                [("template_id", "=", template.id)], limit=1
            ):
                raise UserError(
                    self.env._(
                        "Reminders were made with the template “%s”. Archive it "
                        "instead: the history stays.",
                        template.name,
                    )
                )
            if step:
                raise UserError(
                    self.env._(
                        "The template “%(template)s” is used by the plan “%(plan)s”, "
                        "%(step)s. Choose another template there first, or archive "
                        "this one.",
                        template=template.name,
                        plan=step.plan_id.name,
                        step=step.display_name,
                    )
                )

    @api.constrains(*TEXT_FIELDS)
    def _check_placeholders(self):
        """Refuse a placeholder that does not exist, naming it and its field (A2)."""
        known = self.env["relance.reminder"]._fields
        for template in self:
            for name in TEXT_FIELDS:
                for placeholder in template._placeholders(name):
                    match = PLAIN_EXPRESSION.fullmatch(placeholder)
                    if match and match[1] not in known:
                        raise ValidationError(
                            self.env._(
                                "Template “%(template)s”, field “%(field)s”: there is "
                                "no placeholder “%(placeholder)s”. Remove it and "
                                "insert one from the list.",
                                template=template.name,
                                field=self._fields[name]._description_string(self.env),
                                placeholder=placeholder,
                            )
                        )

    def _placeholders(self, name):
        """Return the expressions in a text, such as ``object.total_text``."""
        return placeholders_in(str(self[name] or ""))

    def _render_texts(self, reminders, lang, names=TEXT_FIELDS):
        """Return the texts of reminders in a language, in one pass per text.

        :rtype: dict[int, dict[str, str]]
        :raise UserError: where one of them cannot be rendered
        """
        self.ensure_one()
        rendered = {
            name: self._render_text(name, reminders.ids, lang) for name in names
        }
        return {
            reminder.id: {name: rendered[name][reminder.id] for name in names}
            for reminder in reminders
        }

    def _render_text(self, name, reminder_ids, lang):
        """Return a text of reminders in a language, by their ids; once for all of them
        where nothing is inserted.

        :rtype: dict[int, str]
        """
        # Links become those of the reminder's company.
        has_links = getattr(self._fields[name], "render_options", None)
        source = self.with_context(lang=lang)[name] or ""
        if has_links or DYNAMIC.search(source):
            return self._render_field(name, reminder_ids, set_lang=lang)
        text = self._render_field(name, reminder_ids[:1], set_lang=lang)
        return dict.fromkeys(reminder_ids, *text.values())

    def _render_problem(self, error):
        """Return the sentence that says what is wrong with the template."""
        while error.__cause__:
            error = error.__cause__
        return self.env._(
            "The template “%(template)s” could not be rendered: %(error)s. Correct it "
            "under Configuration › Templates, then send the reminder again.",
            template=self.name,
            error=f"{type(error).__name__}: {error}",
        )

    def action_preview(self):
        """Open the preview on a real customer, as mail and as PDF."""
        self.ensure_one()
        return (
            self.env["relance.template.preview"]
            .create({"template_id": self.id})
            ._action_open()
        )
