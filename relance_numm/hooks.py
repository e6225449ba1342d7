def post_init_hook(env):
    """Give each company the sequence of its reminders (D6)."""
    for company in env["res.company"].search([]):
        company._relance_sequence()


def uninstall_hook(env):
    """Take away what PostgreSQL does for the addon beside Odoo's tables."""
    env["relance.item"]._drop_index()
