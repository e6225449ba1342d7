import {listView} from "@web/views/list/list_view";
import {onWillStart} from "@odoo/owl";
import {RelanceItemListController} from "@relance_numm/relance_item_list/relance_item_list";
import {registry} from "@web/core/registry";

/**
 * The dry run: above the rows, whether anything may leave now and when the next run is,
 * and what the rows on screen make: how many reminders, by what means.
 */
export class RelanceAutomaticListController extends RelanceItemListController {
    static template = "relance_numm.RelanceAutomaticList";

    setup() {
        super.setup();
        this.relance.status = [];
        this.relance.summary = "";
        onWillStart(async () => {
            this.relance.status = await this.orm.call(
                "relance.item",
                "get_automatic_status",
                [],
                {context: this.props.context}
            );
        });
    }

    async loadTotals() {
        await Promise.all([super.loadTotals(), this.loadSummary()]);
    }

    async loadSummary() {
        this.relance.summary = this.model.root.hasLimitedCount
            ? ""
            : await this.orm.call(
                  "relance.item",
                  "get_automatic_summary",
                  [this.props.domain],
                  {context: this.props.context}
              );
    }
}

registry.category("views").add("relance_automatic_list", {
    ...listView,
    Controller: RelanceAutomaticListController,
});
