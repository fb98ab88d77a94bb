"""Compiling the kernels once, before jobs fan out that would each compile them.

numba keeps compiled kernels beside the modules, or in the user's cache where that cannot be
written, and compiles them again for another processor or another version of the code.
"""

import gc
import multiprocessing
import os
import signal
import sys
from importlib import import_module

from ..frame.fused_steps import compile_kernels as compile_steps
from ..frame.lacosmic import compile_kernels as compile_lacosmic
from ..frame.noise import compile_kernels as compile_noise
from ..limits import end_with_parent
from ..master.ccdmask import compile_kernels as compile_medians
from ..master.gain_read_noise import compile_kernels as compile_gain
from ..products.fits_bytes import compile_kernels as compile_words
from ..statistics.combine import compile_kernels as compile_stack
from .kernels import compiling_alone, note_compiled

__all__ = ["compile_all", "load_all"]


def _compile_frame() -> None:
    compile_noise()
    compile_steps()
    compile_words()


_PARTS = compile_lacosmic, compile_stack, _compile_frame, compile_gain, compile_medians


def load_all() -> None:
    """Load all kernels into this process, or compile them where they are not compiled."""
    for compile_part in _PARTS:
        compile_part()


def compile_all() -> int:
    """Compile whatever the pipeline needs, or find it compiled, and note that it is.

    Returns
    -------
    int
        Exit code, negative where a signal ended a part.
    """
    # the compiler makes objects by the million, and none in circles that matter
    gc.disable()
    # once, and not in each process
    import_module("numba")
    with compiling_alone():
        code = _compile_parts()
        if not code:
            note_compiled()
    return code


def _compile_parts():
    """Compile the parts side by side; the exit code."""
    # in one process numba compiles one after the other
    context = multiprocessing.get_context("fork")
    own, *targets = _PARTS
    others = [context.Process(target=_beside, args=(each, os.getpid())) for each in targets]
    for process in others:
        process.start()
    own()
    for process in others:
        process.join()
    failed = [process.exitcode for process in others if process.exitcode]
    return failed[0] if failed else 0


def _beside(compile_part, parent):
    end_with_parent(parent)
    compile_part()


if __name__ == "__main__":
    # the run that waits for it, if one does: of one that was killed nothing goes on
    if sys.argv[1:]:
        end_with_parent(int(sys.argv[1]))
    code = compile_all()
    if code < 0:
        signal.raise_signal(-code)
    sys.exit(code)
