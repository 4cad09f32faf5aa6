"""The order in which blocks are fetched."""

from __future__ import annotations

from common.streaming.plan import RUN_BLOCKS, FetchPlan


def order(plan: FetchPlan, present: set[int], end: int | None) -> list[tuple[int, int]]:
    """Fetch everything and return the runs."""
    runs = []
    while (run := plan.next_run(present, end)) is not None:
        runs.append(run)
        present |= set(range(*run))
    return runs


def test_what_is_waited_for_comes_first_then_priorities_in_order() -> None:
    plan = FetchPlan()
    plan.plan_ahead([(20, 22), (4, 6)], 1)
    plan.plan_ahead([(8, 10)], 0)
    plan.wait_for((30, 32))
    assert plan.urgent({30}, None) == 31 and plan.urgent({30, 31}, None) is None
    assert order(plan, {4, 31}, None) == [(30, 31), (8, 10), (20, 22), (5, 6)]
    plan.settle((30, 32))
    assert order(plan, set(), 21) == [(8, 10), (20, 21), (4, 6)]
    plan.plan_ahead([(0, 1)], 1)  # replaces
    plan.clear()
    assert plan.next_run(set(), None) is None


def test_runs_have_a_length_limit_and_stop_at_the_end_and_at_what_is_there() -> None:
    plan = FetchPlan()
    plan.wait_for((0, 1000))
    assert order(plan, {2, 3}, 40) == [(0, 2), (4, 4 + RUN_BLOCKS), (4 + RUN_BLOCKS, 4 + 2 * RUN_BLOCKS), (36, 40)]
    assert order(plan, set(), 0) == []
