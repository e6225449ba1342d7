"""What a data set is made of."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Options:
    """What to fill a database with.

    :param customers: how many of them, with ``invoices`` each
    :param first_day: how many days late the least late invoice is
    :param days: over how many days the due dates are spread, from there on
    :param reminded: whether one of five invoices was reminded before
    :param odd: whether there are credit notes, blocked invoices, excluded customers
    :param pdfs: whether each invoice has its PDF
    """

    customers: int
    invoices: int = 10
    first_day: int = -30
    days: int = 431
    reminded: bool = True
    odd: bool = True
    pdfs: bool = False
