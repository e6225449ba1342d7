import {DynamicPlaceholderPopover} from "@web/views/fields/dynamic_placeholder_popover";
import {patch} from "@web/core/utils/patch";

/** In a reminder template, offer the fields meant for it, not the model's hundred. */
patch(DynamicPlaceholderPopover.prototype, {
    filter(fieldDef, path) {
        if (this.props.resModel !== "relance.reminder") {
            return super.filter(fieldDef, path);
        }
        return (
            !path &&
            fieldDef.type !== "many2one" &&
            this.allowedQwebExpressions.includes(`object.${fieldDef.name}`)
        );
    },
});
