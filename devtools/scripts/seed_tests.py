"""Make, once, the company of the addons' tests: run by `run.py` with `env`.

Loading a chart of accounts is more than half of what a test class needs before its
first test, so `relance_numm/tests/shared_company.py` takes this company where it is.
It is archived: the tests that do not ask for it, and crons, do not see it.
"""

env = globals()["env"]

# What Odoo's own common test class does for each class (account/tests/common.py), in
# its language and without mails.
env = env(
    context={
        "lang": "en_US",
        "tracking_disable": True,
        "mail_create_nolog": True,
        "mail_create_nosubscribe": True,
        "mail_notrack": True,
        "no_reset_password": True,
    }
)
company = env["res.company"].create({"name": "company_1_data"})
templates = env["account.chart.template"]
chart = templates._guess_chart_template(company.country_id)
templates.try_loading(chart, company=company, install_demo=False)
if not company.account_fiscal_country_id:
    company.account_fiscal_country_id = env.ref("base.us")
# Numbers are drawn from PostgreSQL outside of any transaction, and would go on from one
# class to the next: each class makes the sequence, in its own transaction.
company._relance_sequence().unlink()
env.user.company_ids -= company
company.active = False
env["ir.model.data"]._update_xmlids(
    [{"xml_id": "__relance_tests__.company", "record": company, "noupdate": True}]
)
