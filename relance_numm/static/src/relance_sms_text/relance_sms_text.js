import {TextField, textField} from "@web/views/fields/text/text_field";
import {registry} from "@web/core/registry";
import {useDebounced} from "@web/core/utils/timing";
import {useEffect} from "@odoo/owl";

/** Milliseconds without a key after which the length is counted again. */
const PAUSE = 300;

/** The text of an SMS: its length, counted by the server, follows what is typed. */
export class RelanceSmsText extends TextField {
    setup() {
        super.setup();
        const count = useDebounced(() => {
            const textarea = this.textareaRef.el;
            if (textarea) {
                this.props.record.update({[this.props.name]: textarea.value});
            }
        }, PAUSE);
        useEffect(
            (textarea) => {
                textarea?.addEventListener("input", count);
                return () => textarea?.removeEventListener("input", count);
            },
            () => [this.textareaRef.el]
        );
    }
}

registry.category("fields").add("relance_sms_text", {
    ...textField,
    component: RelanceSmsText,
});
