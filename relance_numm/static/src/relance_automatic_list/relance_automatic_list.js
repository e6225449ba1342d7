import {listView} from "@web/views/list/list_view";
import {onWillStart} from "@odoo/owl";
import {KeepLast} from "@web/core/utils/concurrency";
import {RelanceItemListController} from "@relance_numm/relance_item_list/relance_item_list";
import {registry} from "@web/core/registry";

/**
 * The dry run: above the rows, whether anything may leave now and when the next run is,
 * what the rows on screen make (how many reminders, by what means), and how many
 * invoices wait for a person after a failure.
 */
export class RelanceAutomaticListController extends RelanceItemListController {
    static template = "relance_numm.RelanceAutomaticList";

    setup() {
        super.setup();
        this.lastSummary = new KeepLast();
        this.lastFailed = new KeepLast();
        this.relance.status = [];
        this.relance.summary = "";
        this.relance.failed = 0;
        onWillStart(async () => {
            this.relance.status = await this.orm.call(
                "relance.item",
                "get_automatic_status",
                [],
                {context: this.props.context}
            );
        });
    }

    /** The dry run is what the banner of the work list leads to. */
    async loadEntities() {
        return [];
    }

    async loadTotals() {
        await Promise.all([super.loadTotals(), this.loadSummary(), this.loadFailed()]);
    }

    async loadSummary() {
        this.relance.summary = await this.lastSummary.add(
            this.ask("get_automatic_summary", "")
        );
    }

    /** Whatever is filtered: what failed is not among what leaves next. */
    async loadFailed() {
        this.relance.failed = await this.lastFailed.add(
            this.orm.call("relance.item", "get_automatic_failed", [this.actionDomain], {
                context: this.props.context,
            })
        );
    }

    get actionDomain() {
        return this.env.searchModel.globalDomain;
    }

    /** Show what failed alone, by the filter of the search menu. */
    onFailedClick() {
        const {searchModel} = this.env;
        const filter = Object.values(searchModel.searchItems).find(
            (item) => item.name === "failed"
        );
        searchModel.clearQuery();
        searchModel.toggleSearchItem(filter.id);
    }
}

registry.category("views").add("relance_automatic_list", {
    ...listView,
    Controller: RelanceAutomaticListController,
});
