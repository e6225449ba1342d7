from odoo.modules.migration import load_script
from odoo.tests import tagged
from odoo.tools.misc import file_path

from .common import RelanceCommon


@tagged("post_install", "-at_install")
class TestMigrationSms(RelanceCommon):
    """SMS in the queue while a database of an earlier version is upgraded (F2)."""

    def _sms_under_way(self):
        sms = self.env.ref("relance_numm.channel_sms")
        self.plan.step_ids.channel_ids |= sms
        move = self._invoice(8)
        self.env["relance.batch"]._create_reminders(
            [self._request(move, self.level_1, sms)]
        )
        return self.env["relance.reminder"].search([("line_ids.move_id", "=", move.id)])

    def test_queued_sms_is_known_again(self):
        """F2, D7: it is taken back as any other where the reminder is canceled."""
        reminder = self._sms_under_way()
        self.assertEqual(reminder.state, "outgoing")
        message = reminder.sms_message_id
        # As it was made then.
        reminder.sudo().sms_message_id = False
        self.env.flush_all()
        path = "relance_numm/migrations/19.0.1.2.0/post-sms_messages.py"
        load_script(file_path(path), "sms_messages").migrate(self.cr, "19.0.1.1.0")
        self.env.invalidate_all()
        self.assertEqual(reminder.sms_message_id, message)
        reminder.action_cancel()
        sms = self.env["sms.sms"].search([("mail_message_id", "=", message.id)])
        self.assertEqual(sms.state, "canceled")
