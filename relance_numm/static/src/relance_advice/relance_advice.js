import {registry} from "@web/core/registry";
import {standardFieldProps} from "@web/views/fields/standard_field_props";
import {Component} from "@odoo/owl";

/** The advised level of a row of the work list or, where there is none, why not. */
export class RelanceAdviceField extends Component {
    static template = "relance_numm.RelanceAdvice";
    static props = {...standardFieldProps};

    get level() {
        return this.props.record.data[this.props.name]?.display_name;
    }

    get hasCredit() {
        return this.props.record.data.has_credit;
    }

    get reason() {
        return this.props.record.data.reason;
    }
}

registry.category("fields").add("relance_advice", {
    component: RelanceAdviceField,
    supportedTypes: ["many2one"],
    fieldDependencies: [
        {name: "reason", type: "char"},
        {name: "has_credit", type: "boolean"},
    ],
});
