{
    "name": "Customer Reminders by Snailmail",
    "summary": "Letters of customer reminders, printed and posted by Odoo's Snailmail",
    "version": "19.0.1.0.0",
    "category": "Accounting/Accounting",
    "author": "relance_numm contributors",
    "license": "LGPL-3",
    "depends": ["relance_numm", "snailmail_account"],
    "data": ["views/relance_channel_views.xml"],
    "auto_install": True,
}
