import {registry} from "@web/core/registry";
import {stepUtils} from "@web_tour/tour_utils";

const MENU = ".o_main_navbar button[data-menu-xmlid='relance_numm.menu_relance']";

/**
 * An entity is switched to « Facture », in French: the settings, what would be sent, and
 * the start.
 */
registry.category("web_tour.tours").add("relance_automatic_start", {
    steps: () => [
        {
            content: "Remind by: Invoice",
            trigger: "[name=relance_on] label:contains(Facture)",
            run: "click",
        },
        {
            content: "Save",
            trigger: ".o_form_button_save",
            run: "click",
        },
        {
            content: "What would be sent, by due date",
            trigger: ".modal table:contains(Le début)",
        },
        {
            content: "From the beginning",
            trigger: ".modal [name=since] button",
            run: "click",
        },
        {
            trigger: ".modal [name=since] input",
            run: "clear",
        },
        {
            content: "At any time",
            trigger: ".modal [name=calendar_id] input",
            run: "clear",
        },
        {
            content: "The figures follow",
            trigger: ".modal [name=summary]:contains(factures 1, clients 1)",
        },
        {
            content: "Start",
            trigger: ".modal button[name=action_start]:contains(Démarrer)",
            run: "click",
            expectUnloadPage: true,
        },
        {
            content: "The page comes back, with what automatic reminders need",
            trigger: "body:not(:has(.modal)) [name=relance_pause_until]",
        },
    ],
});

/** The dry run, then the invoice with its activity, as on the manual's last screen. */
registry.category("web_tour.tours").add("relance_automatic_dry_run", {
    steps: () => [
        stepUtils.showAppsMenuItem(),
        {
            trigger: ".o_app[data-menu-xmlid='account.menu_finance']",
            run: "click",
        },
        {
            content: "Open the menu Relances",
            trigger: `${MENU}:contains(Relances)`,
            run: "click",
        },
        {
            content: "Open the dry run",
            trigger:
                "a[data-menu-xmlid='relance_numm.menu_relance_automatic']:contains(Relances automatiques)",
            run: "click",
        },
        {
            content: "When the next run is",
            trigger: ".o_relance_automatic_status:contains(Prochain passage)",
        },
        {
            content: "Whom it reminds, at which level, by what",
            trigger:
                ".o_data_row:contains(Librairie Auto):contains(Niveau 1):contains(Email à auto@example.com)",
        },
    ],
});

registry.category("web_tour.tours").add("relance_automatic_read", {
    steps: () => [
        stepUtils.showAppsMenuItem(),
        {
            trigger: ".o_app[data-menu-xmlid='account.menu_finance']",
            run: "click",
        },
        {
            trigger: `${MENU}:contains(Relances)`,
            run: "click",
        },
        {
            content: "Open the invoices",
            trigger:
                "a[data-menu-xmlid='relance_numm.menu_relance_invoice']:contains(Factures)",
            run: "click",
        },
        {
            content: "The level and the next date are on the list",
            trigger: ".o_data_row:contains(Librairie Auto):contains(Niveau 1)",
        },
        {
            content: "Open the invoice",
            trigger:
                ".o_data_row:contains(Librairie Auto) td[name=invoice_partner_display_name]",
            run: "click",
        },
        {
            content: "The chatter says what was sent",
            trigger:
                ".o-mail-Message:contains(Montant relancé):contains(Niveau de la relance : Niveau 1)",
        },
        {
            content: "« Relances »",
            trigger: "a.nav-link[name=relance_tab]:contains(Relances)",
            run: "click",
        },
        {
            content: "« Informations règlements et relance »",
            trigger:
                ".o_form_sheet:contains(Informations règlements et relance) [name=relance_level_id]:contains(Niveau 1)",
        },
        {
            content: "Its reminder is there",
            trigger:
                "[name=relance_line_ids] .o_data_row:contains(Niveau 1):contains(Envoyée)",
        },
        {
            content: "Put the next reminder off",
            trigger: "[name=relance_next_date] button, [name=relance_next_date] input",
            run: "click",
        },
        {
            trigger: "[name=relance_next_date] input",
            run: "edit 31/12/2030",
        },
        ...stepUtils.saveForm(),
        {
            content: "It is kept, and the plan can be followed again",
            trigger:
                "button[name=action_relance_follow_plan]:contains(Suivre à nouveau le plan)",
            run: "click",
        },
        {
            content: "The plan decides again",
            trigger:
                ".o_form_view:not(:has(button[name=action_relance_follow_plan]:visible))",
        },
    ],
});
