"""Compiling the kernels once, before jobs fan out that would each compile them.

numba keeps compiled kernels beside the modules, or in the user's cache where that cannot be
written, and compiles them again for another processor or another version of the code.
"""

from .lacosmic import compile_kernels as compile_lacosmic
from .stack import compile_kernels as compile_stack

__all__ = ["compile_all"]


def compile_all():
    """Compile whatever the pipeline's stacks and cosmic rays need, or find it compiled."""
    compile_stack()
    compile_lacosmic()


if __name__ == "__main__":
    compile_all()
