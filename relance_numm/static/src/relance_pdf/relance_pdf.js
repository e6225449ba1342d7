import {registry} from "@web/core/registry";
import {standardFieldProps} from "@web/views/fields/standard_field_props";
import {Component} from "@odoo/owl";

/** An attached PDF as an icon: one click opens it in the browser. */
export class RelancePdfField extends Component {
    static template = "relance_numm.RelancePdf";
    static props = {...standardFieldProps};

    get attachment() {
        return this.props.record.data[this.props.name];
    }
}

registry.category("fields").add("relance_pdf", {
    component: RelancePdfField,
    supportedTypes: ["many2one"],
});
