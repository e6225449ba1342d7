"""The works that are measured, and what each must reach."""

import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from devtools.console import Failure, say
from devtools.paths import LOGS
from devtools.process import background, free_port, is_listening, tail

from .datasets import BenchDatabases, Dataset, due, varied
from .session import Session, session
from .table import Goal, Row, number, times

#: Of how many customers the peer's mails and letters are measured: it is slow.
PEER_MAILS = 20
PEER_LETTERS = 50
#: How often a batch of letters is made: it takes both seconds, and no two the same.
LETTER_TURNS = 3
#: What wkhtmltopdf is agreed to take for a call and a page at the least.
CALL_SECONDS = 0.22
PAGE_SECONDS = 0.0015


@dataclass(frozen=True)
class Bench:
    """What the works are measured with.

    :param tenth: whether to take a tenth of the rows
    """

    databases: BenchDatabases
    tenth: bool = False

    def size(self, number: int) -> int:
        """Return a number of rows, or the tenth of it."""
        return number // 10 if self.tenth else number

    @property
    def million(self) -> Dataset:
        """1,000,000 open items of 100,000 customers."""
        return varied(self.size(100_000))

    @property
    def hundred_thousand(self) -> Dataset:
        """A tenth of it, to see how times grow."""
        return varied(self.size(10_000))

    @property
    def small(self) -> Dataset:
        """20,000 open items of 2,000 customers."""
        return varied(self.size(2_000))

    @property
    def due(self) -> Dataset:
        """20,000 invoices of 2,000 customers that are to be reminded by mail."""
        return due(self.size(2_000))

    @property
    def letters(self) -> Dataset:
        """Invoices of as many customers as get letters in all turns, and some more."""
        return due(self.size(3_500))

    @property
    def many_due(self) -> Dataset:
        """100,000 invoices of 10,000 customers that are to be reminded by mail."""
        return due(self.size(10_000))

    # === RUNNING === #

    def ours(self, dataset: Dataset):
        """Open the addon's database for reading."""
        return session(self.databases.odoo, self.databases.ours(dataset))

    def once(self, side: str, dataset: Dataset, task: str, **arguments) -> dict:
        """Have one task done on a copy of a database, and return its result."""
        databases = self.databases
        odoo = databases.peer_odoo() if side == "peer" else databases.odoo
        source = getattr(databases, side)(dataset)
        with databases.bench_copy(source) as copy, session(odoo, copy) as process:
            say(f"    {side}: {task} {arguments or ''}")
            result = process.call(task, **arguments)
            say(f"      {result['seconds']:.1f} s, {result['queries']} queries")
            return result


def _rate(result: dict, what: str) -> float:
    return result[what] / result["seconds"]


def _used(result: dict) -> dict:
    return {"queries": result["queries"], "peak_mb": result["peak_mb"]}


# === WORK LIST === #


def work_list(bench: Bench) -> Iterator[Row]:
    """The work list of a million open items, beside Odoo's own list of them."""
    dataset = bench.million
    with bench.ours(dataset) as ours:
        measures = ours.call("ours.work_list")
    for name, both in measures.items():
        say(f"    {name}: {both['ours']}; Odoo's own: {both['odoo']}")
    levels = {k: v for k, v in measures.items() if k.startswith("level ")}
    slowest = max(levels, key=lambda k: levels[k]["ours"]["ms"])
    work = f"work list, {number(dataset.rows)} items, first page and count"
    yield _list_row(
        f"{work}, by level (the slowest: {slowest.removeprefix('level ')}), "
        "against Odoo's own list",
        levels[slowest],
        times("≤", 1.5),
    )
    yield Row(
        "the same in seconds",
        levels[slowest]["ours"]["ms"] / 1000,
        "s",
        goal=Goal("≤", 1),
    )
    for name, work in (
        ("customer", "the same of a customer, against Odoo's own"),
        ("last level", "the same by last level, against Odoo's own"),
        ("grouped", "the same grouped by level, against Odoo's own by account"),
    ):
        yield _list_row(work, measures[name], times("≤", 2))


def _list_row(work: str, both: dict, goal: Goal) -> Row:
    ours, odoo = both["ours"], both["odoo"]
    return Row(work, ours["ms"], "ms", odoo["ms"], goal, ours["queries"])


# === CREATION === #


def create(bench: Bench) -> Iterator[Row]:
    """Prepare and create the reminders of 2,000 customers, beside the peer's run."""
    shared = _shared_creation(bench)
    alone = bench.once("ours", bench.small, "ours.create", items=bench.small.rows)
    peer = bench.once("peer", bench.small, "peer.create")
    work = (
        f"prepare and create reminders, {number(bench.small.rows)} items, "
        f"{number(bench.small.customers)} customers"
    )
    yield Row(
        f"{work}, created in the background by two of Odoo's workers",
        _rate(shared, "items"),
        "items/s",
        _rate(peer, "items"),
        times("≥", 20),
        **_used(shared),
    )
    yield Row(
        "the same by one process",
        _rate(alone, "items"),
        "items/s",
        _rate(peer, "items"),
        **_used(alone),
    )
    # The peer's are counted by item: it has no customers at that stage.
    yield Row(
        "queries per customer to prepare and create (peer: per item)",
        shared["queries"] / shared["customers"],
        "queries",
        peer["queries"] / peer["items"],
        Goal("≤", 1),
        shared["queries"],
    )


def _shared_creation(bench: Bench) -> dict:
    """Have a person prepare and ask, and two workers create what he asked for: as many
    as Odoo comes with for scheduled actions, and as the click calls."""
    databases = bench.databases
    with (
        databases.bench_copy(databases.ours(bench.small)) as copy,
        session(databases.odoo, copy, "-first") as first,
        session(databases.odoo, copy, "-second") as second,
        ThreadPoolExecutor() as pool,
    ):
        second.call("ours.warm_up_creation")
        asked = first.call("ours.ask", items=bench.small.rows)
        both = [
            pool.submit(worker.call, "ours.work", helps=worker is second)
            for worker in (first, second)
        ]
        worked = [future.result() for future in both]
        made = first.call("ours.made", last=asked["last"])
    # As they begin together, but for what measuring itself takes each.
    began = min(worker["started"] for worker in worked)
    background = max(worker["ended"] for worker in worked) - began
    say(
        f"    ours, by two workers: asked for in {asked['seconds']:.1f} s, created in "
        f"{background:.1f} s (each: "
        + ", ".join(f"{worker['seconds']:.1f} s" for worker in worked)
        + ")"
    )
    everybody = [asked, *worked]
    return {
        **made,
        "seconds": asked["seconds"] + background,
        "queries": sum(one["queries"] for one in everybody),
        # They work at the same time.
        "peak_mb": max(asked["peak_mb"], sum(one["peak_mb"] for one in worked)),
    }


# === DELIVERY === #


def mails(bench: Bench) -> Iterator[Row]:
    """Mails with the letter's PDF in the queue, beside the peer's."""
    customers = bench.due.customers - 2
    ours = bench.once("ours", bench.due, "ours.mails", customers=customers)
    peer = bench.once("peer", bench.due, "peer.mails", customers=PEER_MAILS)
    yield Row(
        f"queue mails with the letter's PDF ({ours['mails']}; peer: {peer['mails']})",
        _rate(ours, "mails"),
        "mails/s",
        _rate(peer, "mails"),
        times("≥", 100),
        **_used(ours),
    )


def letters(bench: Bench) -> Iterator[Row]:
    """A batch of letters in one PDF file, beside the peer's and beside wkhtmltopdf."""
    ours, peer = _letters_in_turns(bench, bench.size(500))
    pages = ours[0]["pages"]
    floor = _floor(bench, pages)
    pdf_rate = statistics.median(r["pdf_letters"] / r["pdf_seconds"] for r in ours)
    rate, peer_rate = _median_rate(ours, "letters"), _median_rate(peer, "letters")
    # The peer prints: it keeps no PDF, notes nothing and copies nobody.
    yield Row(
        f"letters of a batch, each as a PDF and all in one ({ours[0]['pdf_letters']}, "
        f"{pages} pages; peer: {peer[0]['letters']}, {peer[0]['pages']} pages)",
        pdf_rate,
        "letters/s",
        peer_rate,
        times("≥", 10),
    )
    yield Row(
        "the same with their delivery: books read again, notes on invoices and "
        "customers, internal copy",
        rate,
        "letters/s",
        peer_rate,
        times("≥", 10),
        queries=ours[0]["queries"],
        peak_mb=max(result["peak_mb"] for result in ours),
    )
    agreed = CALL_SECONDS + pages * PAGE_SECONDS
    yield Row(
        f"the PDFs against wkhtmltopdf's floor as agreed: {CALL_SECONDS} s a call and "
        f"{1000 * PAGE_SECONDS} ms a page",
        pdf_rate,
        "letters/s",
        ours[0]["letters"] / agreed,
        times("≥", 0.25),
    )
    yield Row(
        f"the PDFs against wkhtmltopdf as measured ({pages} pages of a character each "
        "in one call)",
        pdf_rate,
        "letters/s",
        ours[0]["letters"] / floor,
        times("≥", 0.25),
    )


def _letters_in_turns(bench: Bench, count: int) -> tuple[list[dict], list[dict]]:
    """Make a batch of so many letters, and the peer's, several times in turns."""
    databases, dataset = bench.databases, bench.letters
    with (
        databases.bench_copy(databases.ours(dataset), "_ours") as our_copy,
        databases.bench_copy(databases.peer(dataset), "_peer") as peer_copy,
        session(databases.odoo, our_copy) as our_session,
        session(databases.peer_odoo(), peer_copy) as peer_session,
    ):
        ours, peer = [], []
        for _turn in range(LETTER_TURNS):
            ours.append(our_session.call("ours.letters", customers=count))
            peer.append(peer_session.call("peer.letters", customers=PEER_LETTERS))
            say(
                f"    ours: {_rate(ours[-1], 'letters'):.0f} letters/s, the PDF files "
                f"alone {ours[-1]['pdf_letters'] / ours[-1]['pdf_seconds']:.0f}; peer: "
                f"{_rate(peer[-1], 'letters'):.1f}"
            )
    return ours, peer


def _median_rate(results: list[dict], what: str) -> float:
    return statistics.median(_rate(result, what) for result in results)


def _floor(bench: Bench, pages: int) -> float:
    """Return the seconds that wkhtmltopdf takes for so many pages of a character."""
    page = '<div style="page-break-after: always">x</div>'
    seconds = []
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "pages.html")
        source.write_text(
            f"<!DOCTYPE html><html><body>{page * (pages - 1)}<div>x</div></body></html>"
        )
        for _turn in range(5):
            started = time.perf_counter()
            subprocess.run(
                ["wkhtmltopdf", "--quiet", source, Path(folder, "pages.pdf")],
                env=bench.databases.odoo.environ,
                check=True,
                stdin=subprocess.DEVNULL,
                capture_output=True,
            )
            seconds.append(time.perf_counter() - started)
    say(f"    wkhtmltopdf alone: {pages} pages in {statistics.median(seconds):.2f} s")
    return statistics.median(seconds)


# === SCHEDULED ACTION === #


def cron(bench: Bench) -> Iterator[Row]:
    """The scheduled action over all due invoices, in one process."""
    result = bench.once("ours", bench.many_due, "ours.cron")
    count = number(bench.many_due.rows)
    yield Row(
        f"automatic reminders, {count} due invoices with their PDFs",
        _rate(result, "mails"),
        "mails/s",
        goal=Goal("≥", 60),
        **_used(result),
    )
    yield Row(
        "memory that the process grew by meanwhile",
        result["peak_mb"],
        "MB",
        goal=Goal("≤", 200),
    )


def workers(bench: Bench) -> Iterator[Row]:
    """The same by one, two and four of Odoo's own workers."""
    alone = None
    dataset = due(bench.size(500))
    for count in (1, 2, 4):
        rate = _workers_rate(bench, dataset, count)
        alone = alone or rate
        yield Row(
            f"automatic reminders, {number(dataset.rows)} invoices, {count} of Odoo's "
            "workers, against one",
            rate,
            "mails/s",
            alone,
        )


def _workers_rate(bench: Bench, dataset: Dataset, count: int) -> float:
    databases = bench.databases
    odoo = databases.odoo
    source = databases.ours(dataset)
    with databases.bench_copy(source) as copy, session(odoo, copy) as process:
        process.call("ours.prepare_workers")
        port, gevent_port = free_port(), free_port()
        command = odoo.command("--database", copy, "--workers", 1, "--http-port", port)
        command += ["--db-filter", f"^{copy}$", "--gevent-port", str(gevent_port)]
        command += ["--max-cron-threads", str(count), "--log-level", "warn"]
        # When each run of a scheduled action begins and ends.
        command += ["--log-handler", "odoo.addons.base.models.ir_cron:INFO"]
        log = LOGS / f"bench-workers-{count}.log"
        with background("bench-odoo", command, env=odoo.environ, log=log) as server:
            _wait_for(server, port, log)
            process.call("ours.trigger")
            started = time.monotonic()
            queued, seconds = _watch(bench, copy, dataset.rows, started)
    say(f"    {count} workers: {queued} mails in {seconds:.1f} s")
    return queued / seconds


def _wait_for(server: subprocess.Popen, port: int, log: Path) -> None:
    deadline = time.monotonic() + 120
    while not is_listening(port):
        if server.poll() is not None or time.monotonic() > deadline:
            raise Failure(f"Odoo does not start:\n{tail(log)}")
        time.sleep(0.1)
    # The workers that run scheduled actions start last.
    time.sleep(3)


def _watch(bench: Bench, database: str, all_of_them: int, started: float):
    """Return how many mails are queued in the end, and after how many seconds."""
    query = "SELECT count(*) FROM mail_mail WHERE relance_reminder_id IS NOT NULL"
    queued, changed = 0, started
    while queued < all_of_them and time.monotonic() < changed + 90:
        time.sleep(0.3)
        now = int(bench.databases.odoo.server.query(query, database))
        if now != queued:
            queued, changed = now, time.monotonic()
    return queued, changed - started


# === GROWTH === #


def growth(bench: Bench) -> Iterator[Row]:
    """The time per item among a million open items against that among a tenth."""
    many, few = bench.million, bench.hundred_thousand
    lists = {}
    for dataset in (many, few):
        with bench.ours(dataset) as ours:
            lists[dataset] = ours.call("ours.list_times")
            say(f"    {dataset.name}: {lists[dataset]}")
    sizes = f"{number(many.rows)} items against {number(few.rows)}"
    for what, work in (("page", "list page"), ("count", "count of all of a level")):
        per_item = {
            dataset: 1000 * lists[dataset][what] / lists[dataset]["items"]
            for dataset in lists
        }
        yield Row(
            f"growth: {work}, time per item, {sizes}",
            per_item[many],
            "ms/1000",
            per_item[few],
            times("≤", 1.3),
        )
    items = bench.small.rows
    created = {
        dataset: bench.once("ours", dataset, "ours.create", items=items)
        for dataset in (many, few)
    }
    yield Row(
        f"growth: prepare and create {number(items)} of them, time per item, {sizes}",
        1000 * 1000 / _rate(created[many], "items"),
        "ms/1000",
        1000 * 1000 / _rate(created[few], "items"),
        times("≤", 1.3),
        **_used(created[many]),
    )
    yield Row(
        "memory that the process grew by meanwhile",
        created[many]["peak_mb"],
        "MB",
        goal=Goal("≤", 200),
    )


# === COST === #


def cost(bench: Bench) -> Iterator[Row]:
    """What Odoo's own work takes longer where the addon is installed."""
    databases = bench.databases
    ours, plain = databases.ours(bench.small), databases.plain(bench.small)
    rounds, invoices = (8, 4) if bench.tenth else (48, 5)
    with (
        databases.bench_copy(ours, "_ours") as our_copy,
        databases.bench_copy(plain, "_plain") as plain_copy,
        session(databases.odoo, our_copy) as our_session,
        session(databases.odoo, plain_copy) as plain_session,
    ):
        medians = _in_turns((our_session, plain_session), rounds, invoices)
    for what, work in (("post", "posting"), ("pay", "paying")):
        (seconds, queries), (plain_seconds, plain_queries) = medians[what]
        say(f"    {work}: {queries} queries; without the addon: {plain_queries}")
        yield Row(
            f"{work} an invoice with the addon, against without ({rounds * invoices})",
            1000 * seconds,
            "ms",
            1000 * plain_seconds,
            times("≤", 1.05),
            queries,
        )


def _in_turns(sides: tuple[Session, ...], rounds: int, invoices: int) -> dict:
    """Return the median seconds and queries to post and to pay an invoice, by side."""
    costs = {"post": [[] for _side in sides], "pay": [[] for _side in sides]}
    for turn in range(rounds + 1):
        order = list(enumerate(sides))
        for index, side in order if turn % 2 else reversed(order):
            result = side.call("books.post_and_pay", invoices=invoices)
            # The first turn is the warm-up.
            for what, mine in result.items() if turn else ():
                costs[what][index] += mine
    return {
        what: [
            [statistics.median(values) for values in zip(*side, strict=True)]
            for side in by_side
        ]
        for what, by_side in costs.items()
    }


WORKS: dict[str, Callable[[Bench], Iterator[Row]]] = {
    "list": work_list,
    "create": create,
    "mails": mails,
    "letters": letters,
    "cron": cron,
    "workers": workers,
    "growth": growth,
    "cost": cost,
}
