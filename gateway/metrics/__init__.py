"""Numbers for operators: what is measured, read from components once per scrape, as text.

Components keep plain counters and import nothing from here. No label carries a room, a person, an
address or free text: labels are closed lists, and every value of them is there from the start, at
0, so that a first failure is seen as a change.
"""

from gateway.metrics.catalogue import Family, Kind
from gateway.metrics.datapath import datapath_families
from gateway.metrics.exposition import Exposition, expose

__all__ = ["Exposition", "Family", "Kind", "datapath_families", "expose"]
