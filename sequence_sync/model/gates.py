"""The gates: kinds of changes that a plan carries out only where `-allow` names them.

Imports nothing, so that the command line can name them in its help. `plan.guards` decides which gates a plan meets.
"""

DESTRUCTIVE = "destructive"
DRIFT = "drift"
SIZE = "size"
ACTIVE = "active"
GATES = (DESTRUCTIVE, DRIFT, SIZE, ACTIVE)
