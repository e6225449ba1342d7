from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY


def all_or_each(records, work, failed):
    """Do some work on records at once; should it raise, on each of them, so that one
    that cannot be done never stops the others.

    :param records: a recordset
    :param work: what to do with them; undone where it raises
    :param failed: called with each record that cannot be done, and its exception
    :raise: what another transaction in the way raises, for the caller to try again
    """
    try:
        with records.env.cr.savepoint():
            work(records)
    except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
        raise
    except Exception as error:  # noqa: BLE001 whatever it is, `failed` says it
        if len(records) == 1:
            failed(records, error)
            return
        for record in records:
            all_or_each(record, work, failed)
