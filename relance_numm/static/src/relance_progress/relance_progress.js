import {registry} from "@web/core/registry";
import {
    ProgressBarField,
    progressBarField,
} from "@web/views/fields/progress_bar/progress_bar_field";
import {onMounted, onWillUnmount} from "@odoo/owl";

const REFRESH_MS = 2000;

/** A progress bar that follows work done in the background until it is done. */
export class RelanceProgressField extends ProgressBarField {
    setup() {
        super.setup();
        onMounted(() => this.follow());
        onWillUnmount(() => clearTimeout(this.timer));
    }

    follow() {
        if (this.props.record.data[this.props.name] >= 100) {
            return;
        }
        this.timer = setTimeout(async () => {
            await this.props.record.load();
            this.follow();
        }, REFRESH_MS);
    }
}

registry.category("fields").add("relance_progress", {
    ...progressBarField,
    component: RelanceProgressField,
});
