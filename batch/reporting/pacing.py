"""How fast a run went and what slowed it, as sentences, charts and tables. Pure."""

from collections.abc import Mapping, Sequence

import polars as pl

from batch.reporting.charts import NARROW, WIDE, clock, latency_chart, pace_chart
from batch.reporting.digest import percentile
from batch.reporting.pace_history import PaceHistory
from batch.wording.amounts import count_of, duration

FEWEST_BARS = 3  # fewer make no chart
_FINE, _COARSE = (1, 2, 3, 5, 7), (1, 2, 5)  # ends of the bins of a decade of milliseconds
_MOST_BINS = 12
_MOST_TRIES = 5  # more share one line


def describe_pace(history: PaceHistory | None) -> Mapping[str, object] | None:
    """The pace over time; None if nothing was sent."""
    if history is None:
        return None
    fastest_per_s = max(bar.leads_per_s for bar in history.bars)
    scale, unit = (60, "minute") if fastest_per_s < 1 else (1, "second")
    text = _pace_text(history, scale=scale, unit=unit)
    return {
        "text": text,
        "unit": f"Leads a {unit}",
        "unit_short": f"A {unit}",
        "refused": history.refused,
        "held": bool(history.holds),
        "chart": None
        if len(history.bars) < FEWEST_BARS
        else {
            "label": f"Pace over time. {text}",
            "wide": pace_chart(history, size=WIDE, scale=scale),
            "narrow": pace_chart(history, size=NARROW, scale=scale),
        },
        "rows": [
            {
                "start": clock(bar.start_s),
                "leads": bar.leads,
                "rate": f"{bar.leads_per_s * scale:,.1f}",
                "refused": bar.refused,
                "held": f"{bar.held_s:.1f} s" if bar.held_s else "-",
            }
            for bar in history.bars
        ],
    }


def describe_latency(elapsed: pl.DataFrame) -> Mapping[str, object] | None:
    """How long attempts took; None if none was made. elapsed: `elapsed_ms` and `n`, in order."""
    if elapsed.is_empty():
        return None
    half, most, nearly_all = (percentile(elapsed, share) for share in (0.5, 0.95, 0.99))
    longest = int(elapsed["elapsed_ms"][-1])
    text = (
        f"Half of the answers came within {ms(half)}, 95\u00a0% within {ms(most)}, 99\u00a0% "
        f"within {ms(nearly_all)}; the slowest took {ms(longest)}. Each lead's last attempt counts."
    )
    bins = _binned(elapsed, _FINE)
    if len(bins) > _MOST_BINS:
        bins = _binned(elapsed, _COARSE)
    total = sum(n for _, n in bins)
    return {
        "text": text,
        "chart": {
            "label": f"How long answers took. {text}",
            "wide": latency_chart(bins, size=WIDE),
            "narrow": latency_chart(bins, size=NARROW),
        },
        "rows": [{"label": label, "leads": n, "share": share_of(n, total)} for label, n in bins],
    }


def describe_retries(
    attempts: pl.DataFrame, history: PaceHistory | None
) -> Mapping[str, object] | None:
    """How often leads were tried; None if none was. attempts: `attempts` and `n`."""
    if attempts.is_empty():
        return None
    counted = dict(attempts.iter_rows())
    leads = sum(counted.values())
    made = sum(tries * n for tries, n in counted.items())
    if made == leads:
        return {"text": f"None: {count_of(leads, 'lead')}, one request each.", "rows": []}
    refused = history.refused if history else 0
    text = (
        f"{count_of(made, 'request')} for {count_of(leads, 'lead')}: {made - leads:,} more than "
        "one each."
    )
    if refused:
        text += (
            f" {count_of(refused, 'answer')} of 429 asked for a slower pace, which costs a lead "
            "none of its tries."
        )
    rows = {str(tries): counted.get(tries, 0) for tries in range(1, _MOST_TRIES + 1)}
    rows["more"] = sum(n for tries, n in counted.items() if tries > _MOST_TRIES)
    return {
        "text": text,
        "rows": [
            {"label": label, "leads": n, "share": share_of(n, leads)}
            for label, n in rows.items()
            if n
        ],
    }


def share_of(count: int, total: int) -> str:
    """As "12.5 %"; only nothing is 0 %, and only all is 100 %."""
    if not total:
        return ""
    share = 100 * count / total
    if count and share < 0.1:
        return "< 0.1\u00a0%"
    if count < total and share > 99.9:
        return "> 99.9\u00a0%"
    return f"{share:.1f}".removesuffix(".0") + "\u00a0%"


def ms(value: int) -> str:
    """As "90 ms" or "1.5 s"."""
    return f"{value:,}\u00a0ms" if value < 1000 else f"{value / 1000:,.3g}\u00a0s"


def _pace_text(history: PaceHistory, *, scale: int, unit: str) -> str:
    leads = sum(bar.leads for bar in history.bars)
    rate = leads / history.length_s * scale
    took = duration(history.length_s)
    parts = [f"{count_of(leads, 'lead')} in {took}: {rate:,.3g} a {unit} on the whole."]
    if history.refused:
        parts.append(
            f"The server refused {count_of(history.refused, 'request')} for the pace (429)."
        )
    if history.held_s >= 0.5:
        parts.append(f"Everybody was held back for {duration(history.held_s)}.")
    if history.away_s >= 0.5:
        parts.append(f"The server was away for {duration(history.away_s)}.")
    if history.pauses_s:
        pauses = count_of(len(history.pauses_s), "pause")
        parts.append(
            f"{pauses} of {duration(sum(history.pauses_s))} in all, while no process was at work, "
            "left out."
        )
    return " ".join(parts)


def _binned(elapsed: pl.DataFrame, ends: Sequence[int]) -> Sequence[tuple[str, int]]:
    """How many answers took how long, from the first bin that has any to the last."""
    edges = [end * 10**power for power in range(8) for end in ends]
    at = [0] * len(edges)
    for value, n in elapsed.iter_rows():
        at[next((i for i, edge in enumerate(edges) if value <= edge), len(edges) - 1)] += n
    used = [i for i, n in enumerate(at) if n]
    first, last = max(0, used[0] - 1), min(len(edges) - 1, used[-1] + 1)
    return [(ms(edges[i]), at[i]) for i in range(first, last + 1)]
