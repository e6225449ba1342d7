"""A server that runs jobs, as a machine does: Odoo with the queue's runner inside."""

import sys

from odoo.service import server
from odoo.tools import config

# A program on its own, which has nothing to be relative to.
# pylint: disable=odoo-addons-relative-import


def main(config_path, database, port, size):
    """Run until killed.

    :param size: reminders delivered in a transaction, fewer than in real life
    """
    options = ["--config", config_path, "--database", database, "--http-port", port]
    options += ["--max-cron-threads", "0", "--log-level", "warn"]
    config.parse_config(options, setup_logging=True)
    server.load_server_wide_modules()

    from odoo.addons.queue_job import jobrunner
    from odoo.addons.relance_numm.models.relance_reminder_delivery import (
        RelanceReminderDelivery,
    )

    # It lets other processes start first; there are none.
    jobrunner.START_DELAY = 0
    take_pending = RelanceReminderDelivery._take_pending
    RelanceReminderDelivery._take_pending = lambda self, may_leave, limit=0: (
        take_pending(self, may_leave, limit=int(size))
    )
    sys.exit(server.start(preload=[database]))


if __name__ == "__main__":
    main(*sys.argv[1:])
