import {registry} from "@web/core/registry";

/** The rehearsal leads back to the dialog, its values kept, and on to the dry run. */
registry.category("web_tour.tours").add("relance_automatic_rehearsal", {
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
            content: "No calendar over the buttons",
            trigger: ".modal table:contains(Le début)",
            run() {
                if (document.querySelector(".o_datetime_picker")) {
                    throw new Error("The date took the focus.");
                }
            },
        },
        {
            content: "At any time",
            trigger: ".modal [name=calendar_id] input",
            run: "clear",
        },
        {
            content: "One reminder per customer",
            trigger: ".modal [name=per_customer] input",
            run: "click",
        },
        {
            content: "See what would be sent",
            trigger: ".modal button[name=action_rehearse]",
            run: "click",
        },
        {
            content: "It is only a rehearsal",
            trigger:
                ".o_list_view:not(:has(button[name=action_ask_remind_now])) .o_data_row:contains(Librairie Auto)",
        },
        {
            content: "Start from here",
            trigger: "button[name=action_start_rehearsed]",
            run: "click",
        },
        {
            content: "One per customer it still is",
            trigger: ".modal [name=per_customer] input:checked",
        },
        {
            content: "Start",
            trigger: ".modal button[name=action_start]",
            run: "click",
        },
        {
            content: "It is no rehearsal any longer: what leaves if it runs now?",
            trigger: "body:not(:has(.modal)) button[name=action_ask_remind_now]",
            run: "click",
        },
        {
            content: "One email",
            trigger: ".modal [name=summary]:contains(Email 1)",
        },
        {
            content: "Not now",
            trigger: ".modal .btn-secondary",
            run: "click",
        },
        {
            trigger: "body:not(:has(.modal)) .o_list_view",
        },
    ],
});

/** « À confirmer »: see what leaves, let it leave, read what became of it. */
registry.category("web_tour.tours").add("relance_to_confirm", {
    steps: () => [
        {
            content: "See the mail before it leaves",
            trigger: ".o_data_row:contains(Librairie Auto) button[name=action_preview]",
            run: "click",
        },
        {
            content: "To whom, with what",
            trigger: ".modal [name=addressee]:contains(auto@example.com)",
        },
        {
            content: "The letter that goes with it",
            trigger: ".modal .nav-link[name=letter]",
        },
        {
            content: "Let it leave",
            trigger: ".modal button[name=action_confirm]",
            run: "click",
        },
        {
            content: "What became of it",
            trigger: ".o_notification:contains(1)",
        },
        {
            content: "It waits no longer",
            trigger:
                "body:not(:has(.modal)) .o_list_view:not(:has(.o_data_row:contains(Librairie Auto)))",
        },
    ],
});
