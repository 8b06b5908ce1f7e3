"""What a scenario calls its arms, and where it leaves the range of what was studied."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from perforin.library import Model
    from perforin.scenario import Scenario

__all__ = ["arm_labels", "extrapolations"]


def arm_labels(scenario: Scenario) -> dict[str, str]:
    """What each arm is called: its own label, else its products', else its name."""
    out = {}
    for arm, chosen in scenario.arms.items():
        products = " with ".join(product.label for product in scenario.products(arm).values())
        out[arm] = chosen.label or products or arm
    return out


def extrapolations(scenario: Scenario, models: Mapping[str, Model]) -> list[str]:
    """Sentences on what lies outside the range studied, each once."""
    found = [scenario.library.disease(scenario.disease.use).extrapolation]
    found += [one.message for model in models.values() for one in model.extrapolations]
    return list(dict.fromkeys(text for text in found if text))
