from odoo import api, models


class RelanceItemRead(models.Model):
    """The work list's query, asked once of many rows (H8)."""

    _inherit = "relance.item"

    @api.model
    def _read_again(self, move_line_ids):
        """Override: all of a row's columns are read by the one query, and not again for
        each thousand rows that are looked at."""
        self.invalidate_model()
        return self._read_at_once(move_line_ids)

    @api.model
    def _read_at_once(self, ids):
        """Return the rows of these ids that are there, with all their columns."""
        return self.search_fetch([("id", "in", ids)], list(self._columns()))
