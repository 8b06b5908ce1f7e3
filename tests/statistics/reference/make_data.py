"""Make the two made-up arms whose curves R and lifelines worked out: ties, censoring, last subjects of each kind."""

from __future__ import annotations

from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parent


def main() -> None:
    """Write survival_data.csv."""
    rng = np.random.default_rng(20240517)
    lines = ["arm,time,event"]
    for arm, n, scale in (("first", 61, 210.0), ("second", 47, 330.0)):
        event_time = np.ceil(rng.weibull(0.9, n) * scale / 7) * 7  # weekly visits make ties
        censoring = np.ceil(rng.uniform(30, 700, n))
        time, event = np.minimum(event_time, censoring), event_time <= censoring
        lines += [f"{arm},{t:g},{int(e)}" for t, e in zip(time, event, strict=True)]
    (FOLDER / "survival_data.csv").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
