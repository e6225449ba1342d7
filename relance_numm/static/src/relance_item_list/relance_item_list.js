import {_t} from "@web/core/l10n/translation";
import {KeepLast} from "@web/core/utils/concurrency";
import {listView} from "@web/views/list/list_view";
import {ListController} from "@web/views/list/list_controller";
import {registry} from "@web/core/registry";
import {useService} from "@web/core/utils/hooks";
import {onWillStart, useEffect, useState} from "@odoo/owl";

/**
 * The work list « Gestion des relances »: above the rows, the criterion « Retard
 * compris entre … et … » with any two bounds, and how far the bank's books are.
 */
export class RelanceItemListController extends ListController {
    static template = "relance_numm.RelanceItemList";

    setup() {
        super.setup();
        this.orm = useService("orm");
        this.action = useService("action");
        this.notification = useService("notification");
        this.lastTotals = new KeepLast();
        this.relance = useState({
            banks: [],
            entities: [],
            totals: [],
            from: "",
            to: "",
        });
        onWillStart(async () => {
            [this.relance.banks, this.relance.entities] = await Promise.all([
                this.orm.call("relance.item", "get_bank_status"),
                this.loadEntities(),
            ]);
        });
        useEffect(
            () => {
                this.loadTotals();
            },
            // Whenever the rows are loaded anew, with another domain or not.
            () => [JSON.stringify(this.props.domain), this.model.root]
        );
    }

    /**
     * What the rows amount to in each currency: a sum over several means nothing.
     */
    async loadTotals() {
        this.relance.totals = await this.lastTotals.add(this.ask("get_totals", []));
    }

    /**
     * What the server says of the rows, or nothing where there are so many that Odoo
     * itself stops counting them. A late answer to an earlier search is for the caller
     * to drop.
     */
    async ask(method, nothing) {
        if (this.model.root.hasLimitedCount) {
            return nothing;
        }
        return await this.orm.call("relance.item", method, [this.props.domain], {
            context: this.props.context,
        });
    }

    /** The entities whose rows are reminded by themselves. */
    async loadEntities() {
        return await this.orm.call("relance.item", "get_automatic_entities");
    }

    onDryRunClick() {
        this.action.doAction("relance_numm.relance_item_action_automatic");
    }

    get lateBanks() {
        return this.relance.banks.filter((bank) => bank.late);
    }

    bankTitle(bank) {
        return bank.date
            ? _t("Last statement or reconciled entry")
            : _t("No statement nor reconciled entry yet");
    }

    /** Add the delay as a facet, as if chosen from the search menu. */
    onDelaySubmit() {
        const from = this.parseBound(this.relance.from);
        const to = this.parseBound(this.relance.to);
        if (from === undefined || to === undefined) {
            this.notification.add(
                _t("The delay must be a whole number of days, such as -10 or 30."),
                {type: "warning"}
            );
            return;
        }
        this.clearDelay();
        if (from === null && to === null) {
            return;
        }
        const [low, high] =
            from !== null && to !== null && from > to ? [to, from] : [from, to];
        const domain = [];
        if (low !== null) {
            domain.push(["days_late", ">=", low]);
        }
        if (high !== null) {
            domain.push(["days_late", "<=", high]);
        }
        this.delayGroupId = this.env.searchModel.nextGroupId;
        this.env.searchModel.createNewFilters([
            {
                description: this.delayDescription(low, high),
                domain: JSON.stringify(domain),
            },
        ]);
    }

    /** Take the delay searched before away: two delays at once find nothing. */
    clearDelay() {
        if (this.delayGroupId) {
            this.env.searchModel.deactivateGroup(this.delayGroupId);
            this.delayGroupId = null;
        }
    }

    parseBound(text) {
        const trimmed = String(text).trim();
        if (!trimmed) {
            return null;
        }
        return /^[+-]?\d+$/.test(trimmed) ? parseInt(trimmed, 10) : undefined;
    }

    delayDescription(from, to) {
        if (from === null) {
            return _t("Delay up to %s days", to);
        }
        if (to === null) {
            return _t("Delay of %s days or more", from);
        }
        return _t("Delay between %(from)s and %(to)s days", {from, to});
    }
}

registry.category("views").add("relance_item_list", {
    ...listView,
    Controller: RelanceItemListController,
});
