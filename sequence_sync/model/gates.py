"""Gates: kinds of changes that seqsync applies only if `-allow` names them.

Must not import anything, so that the help of the command line can list them without delay. `plan.guards` decides
which gates apply to a plan.
"""

DESTRUCTIVE = "destructive"
DRIFT = "drift"
SIZE = "size"
ACTIVE = "active"
GATES = (DESTRUCTIVE, DRIFT, SIZE, ACTIVE)
