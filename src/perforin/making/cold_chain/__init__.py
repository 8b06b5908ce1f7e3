"""The cold chain: what freezing, transport, storage and thaw leave of a product."""

from __future__ import annotations

from perforin.making.cold_chain.deliver import Delivered, arrivals, deliver, way_of
from perforin.making.cold_chain.frozen import frozen
from perforin.making.cold_chain.lane import read_lane
from perforin.making.cold_chain.logger import score_logger

__all__ = ["Delivered", "arrivals", "deliver", "frozen", "read_lane", "score_logger", "way_of"]
