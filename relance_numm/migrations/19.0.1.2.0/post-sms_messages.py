"""Know again the SMS that wait in the queue since before a reminder knew its own."""

from odoo.tools import SQL


def migrate(cr, version):
    """Give each reminder under way the last SMS that was made of it."""
    cr.execute(
        SQL(
            """
            UPDATE relance_reminder reminder SET sms_message_id = sms.id
              FROM (SELECT res_id, max(id) AS id FROM mail_message
                     WHERE model = 'relance.reminder' AND message_type = 'sms'
                  GROUP BY res_id) sms
             WHERE sms.res_id = reminder.id AND reminder.sms_message_id IS NULL
               AND reminder.state = 'outgoing'
            """
        )
    )
