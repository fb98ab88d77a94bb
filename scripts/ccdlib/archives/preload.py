"""What the process holds that a night's own run, and all its jobs, are forks of.

`ccdlib archive` has the warm process of its jobs import it, so that of a thousand nights none
imports anything by itself. The job of a night that was started without it, as on a cluster,
imports it once for its own jobs.
"""

from importlib import import_module

from ..run import preload
from ..run.forked_run import load_run

__all__: list[str] = []

# what the jobs of an archive need beside that
_OWN = ("ccdlib.archives.reduce", "ccdlib.archives.survey")

for _name in _OWN:
    import_module(_name)
load_run()
preload.while_idle()
