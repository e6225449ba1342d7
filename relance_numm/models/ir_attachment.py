from contextlib import suppress
from pathlib import Path

from odoo import api, models


class IrAttachment(models.Model):
    _inherit = "ir.attachment"

    @api.model
    def _file_write(self, bin_value, checksum):
        """Override: what a full disk cuts short is taken away. Odoo would leave it, and
        tell the next try to write the same that it collides with it (G3)."""
        try:
            return super()._file_write(bin_value, checksum)
        except OSError:
            path = Path(self._full_path(f"{checksum[:2]}/{checksum}"))
            with suppress(OSError):
                if path.stat().st_size < len(bin_value):
                    path.unlink()
            raise
