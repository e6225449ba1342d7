"""Make a fresh database that of a French company: run by `run.py` with `env`."""

import os

from odoo.tools.translate import load_language

env = globals()["env"]

# Now, so that the modules below come with their translations.
load_language(env.cr, "fr_FR")
company = env.company
company.write(
    {
        "name": "Garonne Finance",
        "country_id": env.ref("base.fr").id,
        "currency_id": env.ref("base.EUR").id,
        "email": "compta@numm-finance.example",
    }
)
env.ref("base.user_admin").write(
    {
        "email": "admin@numm-finance.example",
        "lang": "fr_FR",
        "tz": "Europe/Paris",
    }
)
# Odoo's paid services are not called from here: nobody listens at this address.
for service in (
    "enrich",
    "iap",
    "iap.partner_autocomplete",
    "sms",
    "snailmail",
):
    env["ir.config_parameter"].set_param(f"{service}.endpoint", "http://127.0.0.1:9")

modules = os.environ["RELANCE_TEMPLATE_MODULES"].split(",")
env["ir.module.module"].search([("name", "in", modules)]).button_immediate_install()
env["account.chart.template"].try_loading("fr", env.company, install_demo=False)

# Compiled here once rather than in every copy: what each page and each PDF loads.
for bundle in (
    "web.assets_frontend",
    "web.assets_frontend_lazy",
    "web.assets_frontend_minimal",
    "web.assets_web",
    "web.report_assets_common",
    "web.report_assets_pdf",
):
    assets = env["ir.qweb"]._get_asset_bundle(bundle, css=True, js=True)
    assets.css()
    assets.js()
