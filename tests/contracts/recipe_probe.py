"""Runs in a copy of the package that the recipes of CONTRIBUTING.md were applied to; prints what it finds as JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import perforin
from perforin.endpoints.catalogue import arm_of, estimate, find, score
from perforin.errors import PerforinError
from perforin.evidence.published import published
from perforin.library import build_model, default_library
from perforin.records import Records


def mechanism() -> dict[str, Any]:
    library = default_library()
    verb = library.mechanisms["matrix_digestion"]
    rows = [name for name in library.tables if name.startswith("matrix_digestion.")]
    assert verb.levels == {}
    return {"parameters": verb.parameters, "rows": sorted(name.partition(".")[2] for name in rows)}


def payload_and_product() -> dict[str, Any]:
    library = default_library()
    with_enzyme = library.product("cb_car19_enzyme")
    model = build_model("lbcl", {"product": with_enzyme})
    plain = build_model("lbcl", {"product": library.product("cb_car19")})
    names = model.network.parameter_names
    return {
        "label": with_enzyme.label,
        "new states": sorted(set(model.network.state_names) - set(plain.network.state_names)),
        "new flows": sorted(set(model.network.flow_names) - set(plain.network.flow_names)),
        "digestion": model.parameters.rows[names.index("matrix_digestion.digestion[product]")].value,
    }


def antigen() -> dict[str, Any]:
    library = default_library()
    plain = library.product("cb_car19")
    other = replace(plain, construct="cd22_cd28z", noun=plain.noun.model_copy(update={"construct": "cd22_cd28z"}))
    model = build_model("lbcl", {"product": other})
    rows = dict(zip(model.parameters.names, model.parameters.rows, strict=True))
    read = {name: row.value for name, row in rows.items() if name.startswith(("CD22[", "CD19["))}
    same = set(model.network.state_names) == set(build_model("lbcl", {"product": plain}).network.state_names)
    return {"densities": read, "same states": same}


def disease() -> dict[str, Any]:
    library = default_library()
    product = {"product": library.product("cb_car19")}
    late, usual = build_model("lbcl_late_line", product), build_model("lbcl", product)
    return {
        "attrition": late.constants["waiting.attrition"].value,
        "same equations": late.network.hash == usual.network.hash,
        "criteria": library.disease("lbcl_late_line").criteria,
    }


def trial() -> dict[str, Any]:
    return {one.endpoint: [one.value, one.n] for one in score(published("example_2026"))}


def endpoint() -> dict[str, Any]:
    level = {"subject": [0, 0, 1, 1], "day": [1.0, 7.0, 1.0, 7.0], "value": [10.0, 1000.0, 10.0, 5.0], "unit": "pg/mL"}
    records = Records.concat(
        [
            Records.build(arm="a", parameter="il6", **level),
            Records.build(arm="a", parameter="infused", subject=[0, 1], value=1.0),
            Records.build(arm="a", parameter="enrolled", subject=[0, 1], value=1.0),
        ]
    )
    found = estimate(arm_of(records, "a"), "IL6_peak")
    without = Records(records.table[records.table["parameter"] != "il6"])
    return {
        "meaning": find("IL6_peak").meaning,
        "value": round(found.value, 9) if found else None,
        "absent": estimate(arm_of(without, "a"), "IL6_peak") is None,
    }


def attempted(part: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What a part finds, or what went wrong, so that one recipe does not hide another."""
    try:
        return part()
    except (PerforinError, LookupError, ValueError) as problem:
        return {"error": f"{type(problem).__name__}: {problem}"}


def main() -> None:
    parts = {
        "mechanism": mechanism,
        "product": payload_and_product,
        "antigen": antigen,
        "disease": disease,
        "trial": trial,
        "endpoint": endpoint,
    }
    found = {name: attempted(part) for name, part in parts.items()}
    json.dump({"home": str(Path(perforin.__path__[0])), **found}, sys.stdout)


if __name__ == "__main__":
    main()
