"""Compiling the kernels once, before jobs fan out that would each compile them.

numba keeps compiled kernels beside the modules, or in the user's cache where that cannot be
written, and compiles them again for another processor or another version of the code.
"""

import multiprocessing
import signal
import sys

from ..frame.lacosmic import compile_kernels as compile_lacosmic
from ..statistics.combine import compile_kernels as compile_stack

__all__ = ["compile_all"]


def compile_all():
    """Compile whatever the pipeline's stacks and cosmic rays need, or find it compiled.

    Returns
    -------
    int
        Exit code, negative where a signal ended one half.
    """
    # about as long each, and in one process numba compiles one after the other
    stack = multiprocessing.get_context("fork").Process(target=compile_stack)
    stack.start()
    compile_lacosmic()
    stack.join()
    return stack.exitcode


if __name__ == "__main__":
    code = compile_all()
    if code < 0:
        signal.raise_signal(-code)
    sys.exit(code)
