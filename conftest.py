"""For all tests: what Odoo compiles of a template is kept from one test of a class to
the next, unless the test changes templates. Odoo's own tests forget it after each, and
compiling took up to a tenth of their time."""

import pytest

# Caches whose clearing means that a test changed templates.
TEMPLATES = {"templates", "groups"}


class KeptTemplates:
    """Odoo's registries, which keep their templates while a test ends that did not
    change them."""

    def __init__(self):
        self.in_test = self.changed = False

    def watch(self, registries):
        """Have the class of registries tell what a test changes, and what it clears."""
        clear_cache, clear_all = registries.clear_cache, registries.clear_all_caches

        def note_change(registry, *names):
            self.changed = self.changed or bool(TEMPLATES & {*names})
            clear_cache(registry, *names)

        def clear_all_but_templates(registry):
            caches = registry._Registry__caches
            templates = caches["templates"]
            if self.in_test and not self.changed:
                # An empty one stands in for it while the others are cleared.
                caches["templates"] = type(templates)(1)
            clear_all(registry)
            caches["templates"] = templates

        registries.clear_cache = note_change
        registries.clear_all_caches = clear_all_but_templates


KEPT = KeptTemplates()


def pytest_collection_finish():
    # Not before the addons are known.
    from odoo.orm.registry import Registry

    KEPT.watch(Registry)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call():
    KEPT.in_test, KEPT.changed = True, False
    try:
        return (yield)
    finally:
        KEPT.in_test = False
