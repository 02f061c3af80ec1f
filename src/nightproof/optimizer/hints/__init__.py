"""What a technical artist should know about the file, most important first. Facts and a next step, no scolding."""

from nightproof.optimizer.hints.hint import Hint, Seen
from nightproof.optimizer.hints.ranking import hints_for

__all__ = ["Hint", "Seen", "hints_for"]
