"""Hand-made findings: two arms of 200 patients, every part of the page filled."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import beta

from perforin.evidence.claims import chosen
from perforin.evidence.pooling.shipped import shipped
from perforin.records import Estimate
from perforin.report.curves import Point, Survival
from perforin.report.findings import Comparison, Findings, Published

ARMS = {"carnk": "CAR-NK CD19/IL-15 (cord blood)", "cart": "CAR-T CD19 28z (autologous)"}
N = 200


def exact(events: int, n: int) -> tuple[float, float]:
    low = float(beta.ppf(0.025, events, n - events + 1)) if events else 0.0
    high = float(beta.ppf(0.975, events + 1, n - events)) if events < n else 1.0
    return low, high


def share(arm: str, endpoint: str, events: int, n: int = N) -> Estimate:
    return Estimate(endpoint, arm, events / n, *exact(events, n), n, "", "exact binomial")


def curve(median: float, seed: int, published: tuple[Point, ...] = ()) -> Survival:
    death = np.sort(np.random.default_rng(seed).exponential(median / np.log(2), N))
    last_seen = np.minimum(death, 730.0)
    day = np.concatenate([[0.0], death[death < 730], [730.0]])
    surviving = np.concatenate([[1.0], 1 - np.arange(1, (death < 730).sum() + 1) / N, [1 - (death < 730).sum() / N]])
    error = 1.96 * np.sqrt(surviving * (1 - surviving) / N)
    return Survival(
        day, surviving, np.clip(surviving - error, 0, 1), np.clip(surviving + error, 0, 1), last_seen, published
    )


def course(arm: str, observable: str, middle: np.ndarray, days: np.ndarray, spread: float = 1.0) -> pd.DataFrame:
    factor = np.exp(spread * np.array([-1.64, -0.67, 0.0, 0.67, 1.64]))
    values = middle[:, None] * factor
    table = pd.DataFrame(values, columns=["q05", "q25", "median", "q75", "q95"])
    return table.assign(arm=arm, observable=observable, day=days)


def all_courses() -> pd.DataFrame:
    days = np.arange(0.0, 365.0, 3.0)
    rise = {"carnk": (4.0, 12.0, 3e2), "cart": (9.0, 40.0, 2e3)}
    parts = []
    for arm, (peak, fall, top) in rise.items():
        shape = (days / peak) * np.exp(1 - days / peak) + 0.02 * np.exp(-days / fall / 5)
        parts += [
            course(arm, "product_blood", top * shape + 1e-3, days),
            course(arm, "tumour_burden", 1e11 * np.exp(-days / fall) + 1e7, days),
        ]
        for name, scale in (("il6", 300.0), ("ifn_gamma", 150.0), ("il15", 60.0), ("gm_csf", 20.0)):
            parts.append(course(arm, name, scale * top / 2e3 * shape + 1.0, days, 0.7))
        parts.append(course(arm, "healthy_fraction", 1 - 0.95 * np.exp(-days / (4 * fall)), days, 0.1))
        kills = {
            "kill_granule": 1e9,
            "kill_death_receptor": 4e8,
            "kill_bystander": 1e8,
            "kill_host": 5e7,
            "kill_chemotherapy": 2e8,
            "kill_by_car": 1.1e9,
            "kill_by_innate": 3e8 if arm == "carnk" else 0.0,
            "kill_by_antibody": 0.0,
        }
        parts += [course(arm, name, rate * np.exp(-days / fall), days) for name, rate in kills.items()]
    return pd.concat(parts, ignore_index=True)


def parameter_table(arm: str) -> pd.DataFrame:
    rows = [
        ("killing.kills_per_day", 4.0, "1/day", 1.0, 12.0, 0.4, "measured", "read", "Halle2016", "Fig. 2", ""),
        (
            "tgf_brake.half",
            2.0,
            "ng/mL",
            0.5,
            8.0,
            0.0,
            "assumed",
            "assumed",
            "",
            "",
            "no measurement in lymphoma was found",
        ),
        (
            f"persistence.loss_per_day[{arm}]",
            0.08,
            "1/day",
            0.03,
            0.2,
            0.3,
            "fitted",
            "derived",
            "Marin2024",
            "p. 776",
            "",
        ),
        ("endothelium.threshold", 500.0, "pg/mL", 50.0, 5e3, 0.6, "assumed", "memory", "", "", "a latent cut-point"),
    ]
    names = [
        "name",
        "value",
        "unit",
        "low",
        "high",
        "between_patient_cv",
        "kind",
        "status",
        "source",
        "locator",
        "note",
    ]
    return pd.DataFrame(rows, columns=names).assign(place="killing.csv:2")


def estimates() -> tuple[Estimate, ...]:
    shares = {
        "ORR_d30": (96, 150),
        "CR_best": (70, 98),
        "CRS_any": (14, 170),
        "CRS_ge3": (0, 22),
        "ICANS_any": (0, 110),
        "ICANS_ge3": (0, 51),
        "GvHD_ge2": (0, 0),
        "infused_share": (198, 172),
        "PFS_12m": (62, 86),
        "OS_12m": (120, 130),
    }
    out = [share(arm, name, events) for name, two in shares.items() for arm, events in zip(ARMS, two, strict=True)]
    out += [
        Estimate("Cmax", "carnk", 2140.0, 300, 9000, 198, "copy/ug"),
        Estimate("Cmax", "cart", 41000.0, 9000, 180000, 172, "copy/ug"),
    ]
    out += [
        Estimate("time_to_infusion", "carnk", 6.0, 5, 8, 198, "day"),
        Estimate("time_to_infusion", "cart", 27.0, 24, 31, 172, "day"),
    ]
    out += [
        Estimate("cost", "carnk", 14850.0, 14000, 15000, N, "USD"),
        Estimate("cost", "cart", 372000.0, 365000, 380000, N, "USD"),
    ]
    return tuple(out)


def transgene() -> pd.DataFrame:
    """Measured levels, held at the assay's limit of 25."""
    days = np.array([1, 3, 7, 10, 14, 21, 28, 60, 90, 180, 365.0])
    seen = [
        course(arm, "transgene_copies", np.maximum(top * days / peak * np.exp(1 - days / peak), 25.0), days)
        for arm, peak, top in (("carnk", 6, 2100.0), ("cart", 10, 41000.0))
    ]
    return pd.concat(seen, ignore_index=True)


def ledger() -> pd.DataFrame:
    """Two endpoints moved by every parameter of both arms."""
    table = pd.concat([parameter_table(arm).assign(arm=arm) for arm in ARMS]).rename(columns={"name": "parameter"})
    table["swing PFS_12m"] = [0.02, -0.11, 0.05, 0.0, 0.03, -0.04, 0.01, 0.0]
    table["swing CRS_ge3"] = [0.01, 0.0, 0.0, -0.002, 0.02, 0.0, 0.0, -0.09]
    return table


def beside() -> tuple[Published, ...]:
    """Published values; one of them the prediction misses."""
    return (
        Published("carnk", "ORR_d30", "Marin 2024", 18 / 37, 0.319, 0.656, 37, "investigator", "Marin2024"),
        Published("carnk", "CRS_ge3", "Marin 2024", 0.0, 0.0, 0.095, 37, "ASTCT", "Marin2024"),
        Published("cart", "CRS_ge3", "ZUMA-1", 0.129, 0.07, 0.21, 101, "Lee 2014", "Neelapu2017"),
        Published("cart", "PFS_12m", "ZUMA-1", 0.80, 0.75, 0.85, 101, "IRC", "Neelapu2017"),
    )


def made_findings() -> Findings:
    """Every part filled; ICANS is absent in one arm, so that zero events are shown."""
    rng = np.random.default_rng(7)
    return Findings(
        name="cd19_lbcl",
        title="CD19 CAR-NK/IL-15 against CD19 CAR-T in large B-cell lymphoma",
        question="In relapsed large B-cell lymphoma, how do response, survival and toxicity of one "
        "CAR-NK infusion compare with one CAR-T infusion?",
        arms=ARMS,
        reference="cart",
        estimates=estimates(),
        published=beside(),
        comparisons=(
            Comparison("PFS_12m", "carnk", "cart", -0.12, -0.2, -0.04, 0.002),
            Comparison("CRS_ge3", "carnk", "cart", -0.11, -0.16, -0.07, 1.0),
        ),
        survival={
            "PFS": {"carnk": curve(210, 1, (Point(365, 0.32, 0.2, 0.5, "Marin 2024"),)), "cart": curve(330, 2)},
            "OS": {"carnk": curve(500, 3), "cart": curve(620, 4)},
        },
        responses=tuple(
            (visit, label, {"CR": cr, "PR": pr, "SD": 20, "PD": 180 - cr - pr})
            for visit, rows in (("Day 30", ((60, 36), (90, 60))), ("Day 90", ((58, 20), (92, 30))))
            for label, (cr, pr) in zip(ARMS.values(), rows, strict=True)
        ),
        grades={
            "CRS": {"carnk": (186, 12, 2, 0, 0, 0), "cart": (30, 90, 58, 15, 5, 2)},
            "ICANS": {"carnk": (200, 0, 0, 0, 0, 0), "cart": (90, 30, 29, 30, 20, 1)},
        },
        relapses={"carnk": (30, 8), "cart": (22, 31)},
        waits={"carnk": rng.gamma(6, 1, 198), "cart": rng.gamma(25, 1.1, 172)},
        enrolled={"carnk": N, "cart": N},
        transgene=transgene(),
        transgene_limit=25.0,
        courses=all_courses(),
        parameters={arm: parameter_table(arm) for arm in ARMS},
        ledger=ledger(),
        failed=pd.DataFrame({"arm": ["cart"], "patient": [17], "reason": ["step size fell below 1e-10 on day 6.2"]}),
        manifest={
            "patients": N,
            "seed": 1,
            "network_hash": {"carnk": "0123456789abcdef", "cart": "fedcba9876543210"},
            "versions": {"perforin": "0.1.0"},
        },
        references={"Halle2016": "Halle S and others (2016) In vivo killing capacity of cytotoxic T cells."},
        claims=chosen(),
        synthesis=shipped(),
    )
