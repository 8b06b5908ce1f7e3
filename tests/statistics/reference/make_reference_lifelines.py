"""Work out the same estimates with lifelines, in an environment of its own: pip install lifelines."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from lifelines import KaplanMeierFitter
from lifelines.statistics import logrank_test
from lifelines.utils import restricted_mean_survival_time

FOLDER = Path(__file__).parent


def main() -> None:
    """Write survival_lifelines.csv."""
    data, rows = pd.read_csv(FOLDER / "survival_data.csv"), []
    parts = dict(iter(data.groupby("arm", sort=False)))
    for arm, own in parts.items():
        fit = KaplanMeierFitter().fit(own["time"], own["event"])
        limits = fit.confidence_interval_survival_function_
        for day in (50, 91, 182.5, 250, 300, 365):
            rows.append((arm, "share", day, fit.predict(day)))
            line = limits[limits.index <= day].iloc[-1]
            rows += [(arm, "low", day, line.iloc[0]), (arm, "high", day, line.iloc[1])]
        rows.append((arm, "median", None, fit.median_survival_time_))
        rows += [(arm, "rmst", until, restricted_mean_survival_time(fit, t=until)) for until in (182.5, 365)]
    one, other = parts.values()
    test = logrank_test(one["time"], other["time"], one["event"], other["event"])
    rows += [("both", "log_rank_chi_squared", None, test.test_statistic), ("both", "log_rank_p", None, test.p_value)]
    table = pd.DataFrame(rows, columns=["arm", "quantity", "day", "value"])
    table.to_csv(FOLDER / "survival_lifelines.csv", index=False, float_format="%.12g")


if __name__ == "__main__":
    main()
