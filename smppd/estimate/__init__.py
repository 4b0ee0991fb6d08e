"""What a file would come to, before any of it is sent: read and made as the daemon does, and counted."""

from smppd.estimate.findings import Estimate
from smppd.estimate.reading import Unestimable, estimate

__all__ = ["Estimate", "Unestimable", "estimate"]
