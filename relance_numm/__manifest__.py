{
    "name": "Customer Reminders (relances clients)",
    "summary": "Remind late customers by email, letter, SMS, call or meeting, "
    "following plans by customer type",
    "version": "19.0.1.5.0",
    "category": "Accounting/Accounting",
    "author": "relance_numm contributors",
    "license": "LGPL-3",
    "application": True,
    "depends": ["account", "base_iban", "resource", "sms"],
    "data": [
        # Security: rules need the models only.
        "security/ir.model.access.csv",
        "security/relance_security.xml",
        # Records users own from install on.
        "data/relance_level_data.xml",
        "data/relance_channel_data.xml",
        "data/relance_template_data.xml",  # Texts, before the plans that use them.
        "data/relance_plan_data.xml",
        "data/mail_template_data.xml",
        "data/ir_sequence_data.xml",
        "data/mail_activity_type_data.xml",
        "data/mail_activity_reply_data.xml",
        "data/ir_cron_data.xml",
        "data/ir_cron_help_data.xml",
        # The letter and the list of invoices inside mails.
        "report/relance_letter_report.xml",
        "report/relance_letter_templates.xml",
        "report/relance_invoice_list_templates.xml",
        "report/relance_internal_copy_templates.xml",
        # Wizards, opened by the views below.
        "wizard/relance_automatic_run_views.xml",
        "wizard/relance_automatic_start_views.xml",
        "wizard/relance_batch_cancel_views.xml",
        "wizard/relance_disavow_views.xml",
        "wizard/relance_outcome_views.xml",
        "wizard/relance_letter_print_views.xml",
        "wizard/relance_prepare_views.xml",
        "wizard/relance_prepare_advice_views.xml",
        "wizard/relance_plan_new_views.xml",
        "wizard/relance_reminder_preview_views.xml",
        "wizard/relance_template_preview_views.xml",
        "wizard/relance_import_views.xml",
        "wizard/relance_contact_create_views.xml",
        "wizard/relance_reminder_retype_views.xml",
        # Views.
        "views/relance_level_views.xml",
        "views/relance_channel_views.xml",
        "views/relance_template_views.xml",
        "views/relance_plan_views.xml",
        "views/relance_reminder_views.xml",
        "views/relance_reminder_post_views.xml",
        "views/relance_batch_views.xml",
        "views/relance_item_views.xml",
        "views/account_move_views.xml",
        "views/res_partner_views.xml",
        "views/res_config_settings_views.xml",
        "views/res_partner_returned_views.xml",
        "views/relance_menus.xml",  # Depends on all the actions above.
        # What was said of a call, what an SMS says: parts of the views above.
        "views/relance_outcome_views.xml",
        "views/relance_template_sms_views.xml",
        "views/relance_reminder_correct_views.xml",  # Its menu is under those.
        # Taking back what has left or has not: the same.
        "views/relance_undo_views.xml",
    ],
    "demo": [
        "demo/res_company_demo.xml",
        "demo/res_users_demo.xml",
        "demo/relance_plan_demo.xml",
        "demo/res_partner_demo.xml",
        "demo/account_move_demo.xml",
        "demo/account_bank_statement_demo.xml",
        "demo/relance_reminder_demo.xml",
        "demo/res_company_invoice_demo.xml",
        "demo/res_company_branch_demo.xml",
        "demo/relance_followed_demo.xml",
    ],
    "post_init_hook": "post_init_hook",
    "uninstall_hook": "uninstall_hook",
    "assets": {
        "web.assets_backend": [
            "relance_numm/static/src/**/*",
        ],
        "web.assets_tests": [
            "relance_numm/static/tests/tours/**/*",
        ],
    },
}
