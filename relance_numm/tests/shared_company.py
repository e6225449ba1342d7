from odoo.fields import Command

from odoo.addons.account.tests.common import AccountTestInvoicingCommon

# Made by devtools/scripts/seed_tests.py; no other database has it.
SHARED_COMPANY = "__relance_tests__.company"


class SharedCompanyCommon(AccountTestInvoicingCommon):
    """Odoo's common class, its company taken from the database where it is there.

    The company is archived until a class takes it, in the class's own transaction.
    On any other database each class makes it, as Odoo's class does.
    """

    @classmethod
    def setup_independent_company(cls, **kwargs):
        company = cls.env.ref(SHARED_COMPANY, raise_if_not_found=False)
        if not company or kwargs or cls.chart_template or cls.country_code:
            return super().setup_independent_company(**kwargs)
        # The user may not yet work in it.
        company.sudo().active = True
        cls.env.user.company_ids = [Command.link(company.id)]
        # Not shared: what was drawn from it would stay drawn.
        company._relance_sequence()
        return company
