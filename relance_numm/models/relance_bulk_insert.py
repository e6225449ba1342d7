import json
from itertools import chain

from odoo import api, models
from odoo.tools import SQL, split_every

from .relance_item_query import ids_sql

# Rows inserted by one statement.
INSERT_SIZE = 5000
# The addons that know what is inserted so: theirs is no `create` to call.
CREATING = (
    "odoo.orm.",
    "odoo.addons.base.",
    "odoo.addons.mail.",
    "odoo.addons.relance_numm.",
)


class RelanceBulkInsert(models.AbstractModel):
    """Records inserted many at a time, by statements instead of the ORM (H8).

    The ORM inserts a hundred rows at a time, computes what is stored by reading each
    record back, and writes it in a second statement. Here all of it is known
    beforehand: one statement inserts the rows as they stay. It passes by ``create``, so
    it is for models of the addon that nobody else creates.
    """

    _name = "relance.bulk.insert"
    _description = "Insertion of many records at once"

    @api.model
    def _is_for_create(self, vals_list):
        """Return whether the ORM has to create these: others extend how this is done,
        an addon or an automation rule, or give more than columns have.

        :param list vals_list: values of fields
        """
        extended = any(
            not vars(parent)["create"].__module__.startswith(CREATING)
            for parent in type(self).mro()
            if "create" in vars(parent)
        )
        fields = [self._fields[name] for name in {*chain.from_iterable(vals_list)}]
        return extended or not all(
            field.store
            and field.column_type
            and not field.company_dependent
            and not getattr(field, "translate", False)
            for field in fields
        )

    @api.model
    def _insert_rows(self, vals_list, computed=(), cache=True):
        """Insert rows as they are: what is stored and computed must be among the
        values, else it is computed later. No rights are checked.

        :param list vals_list: values of columns, the same for all
        :param computed: the names of those that no constraint need be asked of
        :param bool cache: keep the values in the cache, where they are read at once
        :return: the records
        """
        names = list(dict.fromkeys(chain.from_iterable(vals_list)))
        columns = {name: SQL.identifier("row", name) for name in names}
        ids = []
        for portion in split_every(INSERT_SIZE, vals_list, list):
            insert = self._insert_sql(columns, self._json_rows(portion, names))
            ids += [id_ for (id_,) in self.env.execute_query(insert)]
        records = self.browse(ids)
        cached = self._cached_values(records, vals_list, names) if cache else {}
        self._after_insert(records, names, cached)
        records._validate_fields([name for name in names if name not in computed])
        return records

    @api.model
    def _cached_values(self, records, vals_list, names):
        """Return the values of records as the cache has them, by field."""
        return {
            name: [
                self._fields[name].convert_to_cache(value, records, validate=False)
                for value in (vals.get(name) for vals in vals_list)
            ]
            for name in names
        }

    @api.model
    def _json_rows(self, vals_list, names):
        """Return the ``FROM`` of rows of values, as ``row``.

        They are one JSON text: psycopg2 need not quote each value, nor PostgreSQL parse
        each as an expression.
        """
        empty = {
            name: False if self._fields[name].type == "boolean" else None
            for name in names
        }
        rows = [
            # False is how the ORM says that there is none.
            {
                name: empty[name] if value is False else value
                for name, value in vals.items()
            }
            for vals in vals_list
        ]
        types = [
            SQL("%s %s", SQL.identifier(name), SQL(self._fields[name].column_type[1]))
            for name in names
        ]
        return SQL(
            "FROM json_to_recordset(%s) AS row (%s)",
            json.dumps(rows, default=str),
            SQL(", ").join(types),
        )

    @api.model
    def _insert_sql(self, columns, source, returning=("id",)):
        """Return the statement that inserts what a query returns; other columns get
        their defaults.

        :param dict[str, SQL] columns: what goes into each column
        :param SQL source: where it comes from, ``FROM`` and what follows
        :param returning: names of the columns that it returns of each row
        :rtype: SQL
        """
        missing = [
            field.name
            for field in self._fields.values()
            if field.store
            and field.column_type
            and not field.compute
            and field.name not in columns
        ]
        uid, now = SQL("%s", self.env.uid), SQL("%s", self.env.cr.now())
        defaults = {
            name: SQL("%s", self._fields[name].convert_to_column_insert(value, self))
            for name, value in self.default_get(missing).items()
        }
        logged = {
            "create_uid": uid,
            "create_date": now,
            "write_uid": uid,
            "write_date": now,
        }
        columns = {**logged, **defaults, **columns}
        return SQL(
            "INSERT INTO %s (%s) SELECT %s %s RETURNING %s",
            SQL.identifier(self._table),
            SQL(", ").join(map(SQL.identifier, columns)),
            SQL(", ").join(columns.values()),
            source,
            SQL(", ").join(map(SQL.identifier, returning)),
        )

    def _set_column(self, name, value):
        """Set a column of these records by one statement; the ORM takes one for each
        hundred of them. What is computed of it is not, and no rights are checked.

        By their ids: joined to what says which they are, PostgreSQL may choose to read
        all of that for each.
        """
        if not self:
            return
        self.flush_recordset([name])
        field = self._fields[name]
        self.env.cr.execute(
            SQL(
                "UPDATE %s SET %s = %s WHERE id = ANY(%s)",
                SQL.identifier(self._table),
                SQL.identifier(name),
                field.convert_to_column(value, self),
                ids_sql(self._ids),
            )
        )
        self.invalidate_recordset([name], flush=False)

    @api.model
    def _after_insert(self, records, names, cached):
        """Do what the ORM does after an INSERT, but that nothing given is computed
        again.

        :param names: the fields that were given
        :param dict cached: the values of some of them, for the cache
        """
        given = [self._fields[name] for name in names]
        for field in given:
            for inverse in self.pool.field_inverses[field]:
                self.env[inverse.model_name].invalidate_model(
                    [inverse.name], flush=False
                )
        # After that: what is the inverse of another goes with it.
        for name, values in cached.items():
            self._fields[name]._insert_cache(records, values)
        for field in self._fields.values():
            if field.store and field.compute and field.name not in names:
                self.env.add_to_compute(field, records)
        with self.env.protecting(given, records):
            records.modified(names, create=True)
