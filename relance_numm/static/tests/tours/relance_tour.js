import {registry} from "@web/core/registry";
import {stepUtils} from "@web_tour/tour_utils";

/**
 * The manual's « Relance sur pièce », in French, by an accountant: filter, prepare,
 * check, mend an address, create, and see the reminder on the list with its PDF.
 */
registry.category("web_tour.tours").add("relance_manual", {
    steps: () => [
        stepUtils.showAppsMenuItem(),
        {
            content: "Open Facturation",
            trigger: ".o_app[data-menu-xmlid='account.menu_finance']",
            run: "click",
        },
        {
            content: "Open the menu Relances",
            trigger:
                ".o_main_navbar button[data-menu-xmlid='relance_numm.menu_relance']:contains(Relances)",
            run: "click",
        },
        {
            content: "Open Gestion des relances",
            trigger:
                "a[data-menu-xmlid='relance_numm.menu_relance_item']:contains(Gestion des relances)",
            run: "click",
        },
        {
            content: "The rows are there, with the level advised",
            trigger: ".o_data_row:contains(Librairie Tour) .badge:contains(Niveau 1)",
        },
        {
            content: "Late payment between 5…",
            trigger: "#relance_delay_from",
            run: "edit 5",
        },
        {
            content: "… and 20 days",
            trigger: "#relance_delay_to",
            run: "edit 20",
        },
        {
            content: "Search",
            trigger: ".o_relance_delay_search:contains(Rechercher)",
            run: "click",
        },
        {
            content: "The row that is 40 days late has gone",
            trigger: ".o_list_table:not(:contains(Hors Critère))",
        },
        {
            content: "Select all",
            trigger: "thead .o_list_record_selector input",
            run: "click",
        },
        {
            content: "Préparer les relances",
            trigger: "button[name=action_prepare]:contains(Préparer les relances)",
            run: "click",
        },
        {
            content: "One line per customer",
            trigger: ".modal .o_data_row:contains(Librairie Tour)",
        },
        {
            content: "Contrôles",
            trigger: ".modal button[name=action_controls]:contains(Contrôles)",
            run: "click",
        },
        {
            content: "The customer without mail is listed; mend the address there",
            trigger:
                ".modal .o_field_widget[name=problem_line_ids] .o_data_row:contains(Sans Mail Tour) td[name=email]",
            run: "click",
        },
        {
            trigger: ".modal .o_selected_row td[name=email] input",
            run: "edit sans.mail@example.com",
        },
        {
            content: "Back to the preparation",
            trigger: ".modal button[name=action_back]",
            run: "click",
        },
        {
            content: "All can be sent now",
            trigger:
                ".modal .o_field_widget[name=line_ids] .o_data_row:contains(Sans Mail Tour):not(:contains(Aucune))",
        },
        {
            content: "Choose a lower level for the first",
            trigger: ".modal .o_data_row:contains(Librairie Tour) td[name=level_id]",
            run: "click",
        },
        {
            trigger: ".modal .o_selected_row td[name=level_id] input",
            run: "click",
        },
        {
            trigger: ".o-autocomplete--dropdown-item a:contains(Pré relance)",
            run: "click",
        },
        {
            content: "Créer les relances",
            trigger: ".modal button[name=action_create]:contains(Créer les relances)",
            run: "click",
        },
        {
            content: "The dialog closes, with a word on what was done",
            trigger: "body:not(:has(.modal)) .o_notification:contains(2)",
        },
        {
            content: "Show the rows that are no longer advised",
            trigger: ".o_searchview_facet:contains(Conseillée) .o_facet_remove",
            run: "click",
        },
        {
            content: "The list shows level, comment and PDF",
            trigger:
                ".o_data_row:contains(Librairie Tour):contains(Pré relance):contains(tour@example.com) .o_relance_pdf",
        },
        {
            content: "Relances",
            trigger:
                ".o_main_navbar button[data-menu-xmlid='relance_numm.menu_relance']",
            run: "click",
        },
        {
            trigger:
                "a[data-menu-xmlid='relance_numm.menu_relance_reminder']:contains(Relances)",
            run: "click",
        },
        {
            content: "Open the reminder",
            trigger: ".o_data_row:contains(Librairie Tour) td[name=invoice_numbers]",
            run: "click",
        },
        {
            content: "The mail is in its chatter",
            trigger: ".o-mail-Message .o-mail-AttachmentContainer[title^='R-']",
        },
    ],
});
