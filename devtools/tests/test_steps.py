"""The set-up steps: skipped when done, repeated when interrupted or outdated."""

import pytest

from devtools import steps


@pytest.fixture
def made(tmp_path, monkeypatch):
    """Return a function that ensures a step, and tells whether it did anything."""
    monkeypatch.setattr(steps, "STAMPS", tmp_path / "stamps")
    result = tmp_path / "result"

    def ensure(key="1", make=result.touch):
        calls = []
        steps.Step(
            "step", "A step", key, result.exists, lambda: calls.append(make())
        ).ensure()
        return bool(calls)

    ensure.result = result
    return ensure


def test_done_once(made):
    assert made()
    assert not made()


def test_again_when_the_inputs_changed(made):
    made("1")
    assert made("2")
    assert not made("2")


def test_again_when_the_result_is_gone(made):
    made()
    made.result.unlink()
    assert made()


def test_again_after_an_interruption(made):
    def interrupted():
        made.result.touch()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        made(make=interrupted)
    assert made()


def test_interrupted_update_leaves_no_old_stamp(made):
    made("1")
    with pytest.raises(ZeroDivisionError):
        made("2", make=lambda: 1 / 0)
    assert made("1"), "the half-made result of 2 must not pass for that of 1"


def test_digest_tells_parts_apart(tmp_path):
    assert steps.digest("ab", "c") != steps.digest("a", "bc")
    file = tmp_path / "file"
    file.write_text("one")
    before = steps.digest(file)
    file.write_text("two")
    assert steps.digest(file) != before
