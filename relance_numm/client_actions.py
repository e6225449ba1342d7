"""Actions of the web client that buttons return: a word on what was done, a dialog."""

#: The screen is read again, or the dialog that asked is closed.
SOFT_RELOAD = {"type": "ir.actions.client", "tag": "soft_reload"}
CLOSE_DIALOG = {"type": "ir.actions.act_window_close"}


def notification(message, kind="success", follow=SOFT_RELOAD, **params):
    """Return the action that shows a message, then does what follows.

    :param kind: ``success`` or ``warning``
    :param follow: the action that follows
    :param params: others of Odoo's ``display_notification``: ``sticky``, ``links``
    """
    return {
        "type": "ir.actions.client",
        "tag": "display_notification",
        "params": {"message": message, "type": kind, "next": follow, **params},
    }


def batch_notification(message, batches, kind, follow=CLOSE_DIALOG):
    """Return the same with a link to each of these batches behind the message."""
    return notification(
        # The web client puts the links where the %s are.
        message + " %s" * len(batches),
        kind,
        follow,
        links=[
            {"label": batch.name, "url": f"/odoo/relance.batch/{batch.id}"}
            for batch in batches
        ],
    )


def dialog(wizard, name, size=None):
    """Return the action that opens a wizard's record as a dialog.

    :param size: ``medium``, ``large`` or ``extra-large``; else the web client's own
    """
    action = {
        "type": "ir.actions.act_window",
        "name": name,
        "res_model": wizard._name,
        "res_id": wizard.id,
        "views": [(False, "form")],
        "target": "new",
    }
    return {**action, "context": {"dialog_size": size}} if size else action
