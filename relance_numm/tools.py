from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
from odoo.tools.mail import email_normalize_all, single_email_re


def well_formed_emails(text):
    """Return the addresses in a text that have the form of one, normalized.

    :rtype: list[str]
    """
    return [
        email for email in email_normalize_all(text) if single_email_re.match(email)
    ]


def malformed_email(text):
    """Return the first part of a list of addresses, separated by commas, that is none;
    None where all are.

    :rtype: str | None
    """
    parts = filter(None, map(str.strip, text.split(",")))
    return next((part for part in parts if not well_formed_emails(part)), None)


def all_or_each(records, work, failed, split=list):
    """Do some work on records at once; should it raise, on each of them, so that one
    that cannot be done never stops the others.

    :param records: a recordset
    :param work: what to do with them; undone where it raises
    :param failed: called with each record that cannot be done, and its exception
    :param split: returns the parts of a recordset that are done on their own
    :raise: what another transaction in the way raises, for the caller to try again
    """
    try:
        with records.env.cr.savepoint():
            work(records)
    except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
        raise
    except Exception as error:  # noqa: BLE001 whatever it is, `failed` says it
        parts = split(records)
        if len(parts) == 1:
            failed(records, error)
            return
        for part in parts:
            all_or_each(part, work, failed, split)
