"""The one loop, and what it needs: asking the model, keeping the ledger, timing, summing up."""

from vexplain.engine.loop import Interrupted, ServerLostError, explain
from vexplain.engine.outcome import rivals, summarise

__all__ = ["Interrupted", "ServerLostError", "explain", "rivals", "summarise"]
