"""The plan that a run of the workflow goes by, whatever kind of run it is."""

import os
from collections.abc import Callable
from functools import cached_property
from itertools import chain
from typing import Any

from ..config import plan_settings
from ..errors import CcdlibError
from ..index import folder_state
from ..kinds import FRAME_TYPES, KINDS, kind_of
from ..plan import plan_tables
from ..plan.nights import read_nights
from ..plan.planning import PLANNING, digest_of_planning
from ..raw.raw_folder import sha256
from ..rerun import snakemake_internals as internals
from ..rerun.changes import REMADE
from ..rerun.code_digests import rule_digest
from ..rerun.outdated import Outdated
from ..state import is_made_of
from . import rounds
from .asked_stacks import settle
from .begin_and_end import wait_for_jobs
from .places import check_places, files_of

__all__ = ["CurrentPlan"]

_STACKS = f"{KINDS['stack'].folder}/"
_MASTERS = "results/masters/", "results/detector/"


class CurrentPlan:
    """Gives input and params functions the plan, and says what of it is to be made.

    Parameters
    ----------
    workflow, checkpoints : Workflow, Checkpoints
        Snakemake's.
    config : dict
        Whole and checked.
    given : dict
        What of it the command line gave.
    camera : dict
    ready : str or None
        The table of ready masters, when folders with some are given.
    keys : dict
        From `ccdlib.plan.plan_tables.recipe_keys`.
    planned : iterable of str
        Rules that have no job before there is a plan.
    """

    def __init__(
        self,
        workflow: Any,
        checkpoints: Any,
        config: dict,
        given: dict,
        camera: dict,
        ready: str | None,
        keys: dict[str, str],
        planned: list[str],
    ) -> None:
        self._workflow, self._checkpoints = workflow, checkpoints
        self._config, self._given, self._camera, self._ready = config, given, camera, ready
        self._keys = keys
        self._selection = internals.Selection(workflow, planned)
        self._listed_plan: Any = None
        self._checked_plan: Any = None
        self._arrived_plan: Any = None
        self._arrived: list[str] = []
        self._listed: dict[str, list[str]] = {}
        self._in_vain: set[str] = set()
        self._is_trigger_renewed = False

    @internals.as_workflow_errors()
    def __call__(self) -> plan_tables.Plan:
        """The plan, waited for; its products that were made by another recipe are made again."""
        self.settings()
        plan = self._waited_for()
        if internals.is_main(self._workflow):
            self._check_places(plan)
            self._outdated.force(self._workflow, plan)
            self._tell_what_is_asked_in_vain(plan)
        return plan

    @cached_property
    def _outdated(self) -> Outdated:
        # what is asked for is not known while the Snakefile is read
        arrived_alone = internals.targets(self._workflow) == {rounds.ARRIVED}
        return Outdated(self._config, self._keys, masters_alone=arrived_alone)

    def _check_places(self, plan):
        if plan is not self._checked_plan:
            products = plan.targets(self._config["products"]["keep"])
            # all of one folder are written into the same folders
            one_each = {os.path.dirname(product): product for product in products}.values()
            files = (file for product in one_each for file in files_of(product))
            check_places(files, self._config["raw_dir"])
            self._checked_plan = plan

    def as_it_is(self) -> plan_tables.Plan:
        """The plan for a job of it, which would not be there without."""
        return self._foreseen() or plan_tables.read_plan(must_exist=self._is_batch)

    @internals.as_workflow_errors()
    def to_make(self, folder: str = "results/") -> list[str]:
        """What is to be made of the products below a folder.

        What is up to date is left out, so that it costs no job in the DAG, unless Snakemake is
        asked to look at every job.
        """
        plan = self()
        if plan is not self._listed_plan:
            self._listed_plan, self._listed = plan, {}
        # each night's page asks for all of an archive's
        if folder not in self._listed:
            found = list(plan.targets(self._config["products"]["keep"], folder))
            every = internals.looks_at_all(self._workflow)
            self._listed[folder] = found if every else self._outdated.to_make(plan, found)
        return self._listed[folder]

    @internals.as_workflow_errors()
    def arrived(self) -> list[str]:
        """The frames that have no product; those that have one are left as they are."""
        plan = self()
        # asked again whenever the DAG grows
        if plan is not self._arrived_plan:
            frames = plan.targets(self._config["products"]["keep"], "results/calibrated/")
            self._arrived_plan = plan
            self._arrived = rounds.to_try(plan, frames, self._keys)
        return self._arrived

    @internals.as_workflow_errors()
    def stacks(self) -> list[str]:
        """What is to be made of the stacks; where the plan has none, it is an error."""
        plan = self()
        if not any(plan.targets((), _STACKS)):
            raise CcdlibError(f"there is no stack to make: {plan.why_no_stacks()}")
        return self.to_make(_STACKS)

    @internals.as_workflow_errors()
    def remade(self, file: str, made_of: Callable[[], str]) -> list[str]:
        """Have a table or a page that was made of something else made again; an input function's.

        Snakemake's records may be of another run than the file.
        """
        self()
        is_there = internals.is_main(self._workflow) and os.path.exists(file)
        if is_there and not is_made_of(file, made_of()):
            REMADE.add(file)
            internals.force(self._workflow, [file])
        return []

    def recipes_of_masters(self, wildcards: Any) -> dict[str, str]:
        """{master or detector: its recipe}; a params function of the list of masters."""
        plan = self.as_it_is()
        found = (plan.targets([], folder) for folder in _MASTERS)
        return {each: plan.recipe(each, self._keys) for each in chain(*found)}

    def night_tables(self, wildcards: Any) -> str:
        """A digest of what a night's page tells of; a params function of its job."""
        keep, night = self._config["products"]["keep"], wildcards.night
        return read_nights().digest(self.as_it_is(), keep, night, self._keys)

    def nights(self, wildcards: Any = None) -> list[str]:
        """The nights of the index; a params function of the first page's job."""
        return list(read_nights().rows)

    def improved(self) -> list[str]:
        """What is to be made of masters and frames, a share at a time; no stack."""
        folders = dict.fromkeys(f"{kind.folder}/" for kind in KINDS.values() if kind.serves)
        masters = [product for folder in folders for product in self.to_make(folder)]
        return rounds.share(masters, self.to_make("results/calibrated/"))

    def _tell_what_is_asked_in_vain(self, plan: plan_tables.Plan) -> None:
        """Say of which rule the plan has nothing, if --until names one: the run makes nothing."""
        asked = internals.until(self._workflow).intersection(kind.rule for kind in KINDS.values())
        if asked := asked - self._in_vain:
            self._in_vain |= asked
            planned = {kind_of(product).rule for product in plan.targets(FRAME_TYPES)}
            for rule in sorted(asked - planned):
                internals.say(f"--until {rule}: nothing in the plan is made by it")

    def planning(self, wildcards: Any) -> str:
        """What has the plan made again; an input function of its job.

        It is looked at here, as the plan follows what the command line names, too.
        """
        if internals.is_main(self._workflow) and not self._is_trigger_renewed:
            digest = digest_of_planning(self.settings(), self.corrections, rule_digest("make_plan"))
            PLANNING.renew(digest)
            self._is_trigger_renewed = True
        return PLANNING.path

    @cached_property
    def corrections(self) -> list[str]:
        """SHA-256 of the table of corrections, if there is one; a param of the plan's job."""
        return [sha256(file) for file in [self._config["corrections"]] if file]

    def settings(self, wildcards: Any = None) -> dict[str, Any]:
        """What of config and camera file the plan follows; a params function of its job."""
        settle(self._config, self._given, self._workflow)
        return plan_settings(self._config, self._camera)

    @property
    def _is_batch(self) -> bool:
        return bool(internals.batch(self._workflow))

    def _foreseen(self) -> plan_tables.Plan | None:
        """In a dry run with a current index, the plan that a run would make of it."""
        dry = internals.is_dry_run(self._workflow) and not self._is_batch
        if dry and folder_state.is_current(plan_tables.INDEX):
            corrections = self._config["corrections"]
            return plan_tables.foresee(corrections, self.settings(), self._ready)
        return None

    def _waited_for(self) -> plan_tables.Plan:
        plan = self._foreseen()
        if plan is not None:
            return plan
        if not self._is_batch:
            if internals.is_main(self._workflow) and not internals.is_dry_run(self._workflow):
                wait_for_jobs()
            self._selection.get(self._checkpoints.make_plan, plan_tables.PLAN)
        internals.allow_empty_shares(self._workflow)
        return plan_tables.read_plan(must_exist=self._is_batch)
