"""What the settings allow one job: where it gives up, and what it may use."""

from batch.sending.retry import RetryPolicy, retry_budget
from batch.sending.runner import Limits
from batch.sending.stops import StopLimits
from batch.settings.model import Settings


def stop_limits_of(settings: Settings) -> StopLimits:
    """Where a job gives up."""
    max_errors = settings.run.max_errors
    return StopLimits(
        max_error_rows=max_errors.count,
        max_error_share=max_errors.share,
        max_wait_s=settings.pace.max_wait_s,
    )


def limits_of(settings: Settings, *, requests: int) -> Limits:
    """What a job with so many requests may use."""
    retry = settings.retry
    return Limits(
        workers=settings.pace.concurrency,
        retry_budget=retry_budget(requests, share=retry.budget_share, floor=retry.budget_floor),
        policy=RetryPolicy(
            max_attempts=retry.max_attempts,
            max_elapsed_s=retry.max_elapsed_s,
            backoff_base_s=retry.backoff_base_s,
            backoff_max_s=retry.backoff_max_s,
        ),
    )
