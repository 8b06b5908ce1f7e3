"""Batches: how many doses of what quality a process gives, and why some give none."""

from __future__ import annotations

from perforin.making.batch.batches import Batches
from perforin.making.batch.growing import culture_of, donor_share, grow
from perforin.making.batch.summary import summarise

__all__ = ["Batches", "culture_of", "donor_share", "grow", "summarise"]
