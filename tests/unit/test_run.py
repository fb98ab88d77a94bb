from types import SimpleNamespace

import pytest

from ccdlib.run import without_timers


@pytest.mark.parametrize(
    "jobs, seconds, kept",
    [(100, 1, False), (1000, 1, False), (5, 1, True), (100, 60, True), (6000, 60, False)],
)
def test_a_limit_that_the_user_sets_stays(jobs, seconds, kept):
    limit = SimpleNamespace(max_jobs=jobs, timespan=seconds)
    scheduler = SimpleNamespace(job_rate_limiter=limit)
    without_timers(scheduler)
    assert scheduler.job_rate_limiter is (limit if kept else None)


def test_no_limit_stays_none():
    scheduler = SimpleNamespace(job_rate_limiter=None)
    without_timers(scheduler)
    assert scheduler.job_rate_limiter is None
