import re

from odoo.tools import SQL
from odoo.tools.query import Query

# What SQL reads of tables, by their aliases, and any names at all.
ALIASES = re.compile(r'(\w+)"?\.')
NAMES = re.compile(r"\w+")


class ItemQuery(Query):
    """A query over the work list whose table has no more than what it reads.

    The work list joins ten tables; a count by level or a page of one customer needs a
    few of them. What a query names decides which columns, and thus joins, there are.
    """

    def __init__(self, query, items, lines=None, conditions=()):
        """Make it from Odoo's query over the same model.

        :param Query query: what Odoo made of a domain
        :param items: the model
        :param SQL lines: which journal items to look at, where that is known
        :param conditions: conditions on ``line`` that what is searched fulfils
        """
        super().__init__(query._env, query.table)
        self.__dict__.update(query.__dict__)
        # Kept for what it says to flush.
        self._whole = query._tables[query.table]
        self._items = items
        self._lines = lines
        self._conditions = conditions

    def select(self, *args):
        self._use_columns(args)
        return super().select(*args)

    def subselect(self, *args):
        self._use_columns(args)
        return super().subselect(*args)

    def _use_columns(self, args):
        """Let the table have the columns that are read in this query, and no other."""
        names = self._names_in([*self._parts(args), *self._where_clauses])
        table = self._items._assembled(names, self._lines, self._conditions)
        self._tables[self.table] = self._flushed(table)

    def _flushed(self, table):
        """Return a query to read from, before which what the work list reads is
        written."""
        to_flush = self._whole.to_flush
        return SQL("(%s)", SQL(table.code, *table.params, to_flush=to_flush))

    def _parts(self, args):
        """Return what this query is made of besides its conditions."""
        return [
            *(arg if isinstance(arg, SQL) else SQL(arg) for arg in args),
            *(condition for _kind, _table, condition in self._joins.values()),
            *(part for part in (self.groupby, self.having, self._order) if part),
        ]

    def _names_in(self, parts):
        """Return the columns that these parts read."""
        # Quoted or not, with its table or not; one too many does no harm.
        words = {word for part in parts for word in NAMES.findall(part.code)}
        return {"id", *words.intersection(self._items._columns())}


class IndexedQuery(ItemQuery):
    """A query whose rows the index of open items knows: who reads no more than their
    ids, or counts them, looks there alone."""

    def __init__(self, query, items, rows, domain):
        """Make it from Odoo's query over the same model.

        :param SQL rows: the query of the ids, with all conditions
        :param Domain domain: what is searched, for who reads more
        """
        super().__init__(query, items)
        self._rows = rows
        self._domain = domain
        self._conditions_known = len(self._where_clauses)

    def select(self, *args):
        ids = self._of_ids(args)
        return super().select(*args) if ids is None else ids.select(*args)

    def subselect(self, *args):
        ids = self._of_ids(args)
        return super().subselect(*args) if ids is None else ids.subselect(*args)

    def _use_columns(self, args):
        self._lines, self._conditions = self._items._lines_of(self._domain)
        return super()._use_columns(args)

    def _of_ids(self, args):
        """Return the query of the ids where nothing else is read or asked for, or
        None."""
        if (
            self._names_in(self._parts(args)) != {"id"}
            or self._joins
            or self.groupby
            or self.having
            or self._order
            or len(self._where_clauses) != self._conditions_known
        ):
            return None
        query = Query(self._env, self.table, self._flushed(self._rows))
        query.limit, query.offset = self.limit, self.offset
        return query


def named_ctes(ctes, inlined=()):
    """Return the text of each common table expression, ready for ``WITH``.

    :param dict[str, SQL] ctes: the queries by their names
    :param inlined: the names of those to be planned as a part of what reads them
    :rtype: dict[str, SQL]
    """
    return {
        name: SQL(
            "%s AS %s (%s)",
            SQL.identifier(name),
            SQL("NOT MATERIALIZED" if name in inlined else ""),
            query,
        )
        for name, query in ctes.items()
    }


def ids_sql(ids):
    """Return an array of ids as one text: thousands of values take PostgreSQL and
    psycopg2 several times as long to parse and to quote."""
    joined = ",".join(map(str, ids))
    return SQL("%s::int[]", f"{{{joined}}}")


def values_sql(rows, types):
    """Return a query of constants.

    :param list[dict] rows: what it returns
    :param dict[str, str] types: per column its type in PostgreSQL
    :rtype: SQL
    """
    names = SQL(", ").join(SQL.identifier(name) for name in types)
    if not rows:
        nothing = SQL(", ").join(
            SQL("NULL::%s AS %s", SQL(kind), SQL.identifier(name))
            for name, kind in types.items()
        )
        return SQL("SELECT %s WHERE FALSE", nothing)
    filled = [
        SQL(
            "(%s)",
            SQL(", ").join(
                SQL("%s::%s", row[name], SQL(kind)) for name, kind in types.items()
            ),
        )
        for row in rows
    ]
    return SQL("SELECT * FROM (VALUES %s) constant(%s)", SQL(", ").join(filled), names)


def unnested_sql(rows, types):
    """Return a query of many constants: PostgreSQL knows how many rows it has.

    :param list[tuple] rows: what it returns
    :param dict[str, str] types: per column its type in PostgreSQL
    :rtype: SQL
    """
    columns = zip(*rows, strict=True) if rows else [()] * len(types)
    return SQL(
        "SELECT * FROM unnest(%s) constant(%s)",
        SQL(", ").join(
            SQL("%s::%s[]", list(values), SQL(kind))
            for values, kind in zip(columns, types.values(), strict=True)
        ),
        SQL(", ").join(SQL.identifier(name) for name in types),
    )


def pruned(parts, code, names_read):
    """Return those of the parts of a query that something reads, in their order.

    :param dict[str, SQL] parts: per name what defines it, possibly by those before; a
        part that defines several has their names with a space between
    :param str code: the SQL that reads them
    :param re.Pattern names_read: what finds the names that some SQL reads
    :rtype: list[SQL]
    """
    kept, read = [], {*names_read.findall(code)}
    for names, part in reversed(parts.items()):
        if not read.isdisjoint(names.split()):
            kept.append(part)
            read.update(names_read.findall(part.code))
    return kept[::-1]
