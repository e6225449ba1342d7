"""Make the demo pleasant to use: run by `run.py` with `env`."""

from datetime import datetime, time, timedelta

from odoo import fields

env = globals()["env"]

# Odoo starts this job by itself when something asks for it, and else once an hour.
env.ref("mail.ir_cron_mail_scheduler_action").write(
    {"interval_number": 1, "interval_type": "minutes"}
)
# Late invoices wait for a person to say « Lancer maintenant », until tomorrow morning.
tomorrow = datetime.combine(fields.Date.today() + timedelta(1), time(6))
env.ref("relance_numm.ir_cron_remind").nextcall = tomorrow
# These call Odoo's own servers.
for xmlid in (
    "account_peppol.ir_cron_peppol_get_message_status",
    "account_peppol.ir_cron_peppol_get_new_documents",
    "account_peppol.ir_cron_peppol_get_participant_status",
    "account_peppol.ir_cron_peppol_webhook_keepalive",
    "mail.ir_cron_module_update_notification",
):
    if cron := env.ref(xmlid, raise_if_not_found=False):
        cron.active = False

# The demo speaks French: the administrator, customers made by hand, the login page.
env.ref("base.user_admin").name = "Administrateur"
env["ir.default"].set("res.partner", "lang", "fr_FR")
env.ref("base.public_user").lang = "fr_FR"
