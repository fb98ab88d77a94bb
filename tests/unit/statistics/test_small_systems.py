"""Small linear systems: right, and the only ones that products are made with."""

import ast
from pathlib import Path

import numpy as np
import pytest

import ccdlib
from ccdlib.frame.amplifier_match import border_factors
from ccdlib.statistics.small_systems import fitted_line, inverse, orthonormal

# what is done to pixels, and what is written of it
FOLDERS = ("raw", "frame", "statistics", "master", "products", "sky", "jobs")
# their sums run in the order that suits the processor, or another number of threads
OF_THE_PROCESSOR = {
    *("linalg", "polyfit", "lstsq", "dot", "vdot", "inner", "outer", "matmul"),
    *("tensordot", "cov", "corrcoef", "matrix_power", "hypot", "float_power", "fft"),
}
# a C library rounds them as its code for the processor does, and so it does pow, which is behind
# each power of a scalar and all of arrays but the second; sqrt is exact everywhere
OF_THE_LIBRARY = {
    *("exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "pow", "power", "cbrt"),
    *("sin", "cos", "tan", "arcsin", "arccos", "arctan", "arctan2", "sinh", "cosh", "tanh"),
}
# what these give is rounded to single precision, which hides it
ROUNDED = {
    "lacosmic.py": {"psf_kernel"},
    "amplifier_match.py": {"_log_ratio", "border_factors"},
    "combine_kernels.py": {"median_of_three"},
}


@pytest.mark.parametrize("size", [1, 2, 5, 9])
def test_inverse(size):
    terms = np.random.default_rng(size).normal(size=(20, size))
    matrix = terms.T @ terms
    np.testing.assert_allclose(inverse(matrix), np.linalg.inv(matrix), rtol=1e-9, atol=1e-12)


def test_orthonormal_columns_span_the_same():
    rng = np.random.default_rng(1)
    terms, used = rng.normal(size=(25, 6)), np.arange(25) != 12
    found = orthonormal(terms, used)
    np.testing.assert_allclose(found[used].T @ found[used], np.eye(6), atol=1e-14)
    # what the other rows are predicted to be is what least squares predicts
    values = rng.normal(size=24)
    solved = np.linalg.lstsq(terms[used], values, rcond=None)[0]
    np.testing.assert_allclose(found[12] @ (found[used].T @ values), terms[12] @ solved)


def test_a_line_and_its_errors_are_those_of_polyfit():
    rng = np.random.default_rng(2)
    x = rng.uniform(100, 200, 40)
    y = 3 * x + 7 + rng.normal(size=40)
    (slope, level), covariance = np.polyfit(x, y, 1, cov=True)
    expected = slope, level, covariance[0, 0], covariance[1, 1]
    np.testing.assert_allclose(fitted_line(x, y), expected, rtol=1e-9)


class _Place:
    """An amplifier's rectangle: columns x0 to x1, rows 0 to 60."""

    def __init__(self, x0, x1):
        self.x0, self.x1, self.y0, self.y1 = x0, x1, 0, 60


def test_factors_of_amplifiers_and_of_one_that_touches_none():
    levels = np.repeat([100.0, 110.0, 90.0, 50.0], 40)
    values = np.random.default_rng(3).normal(levels, 0.1, (60, 160))
    places = [_Place(0, 40), _Place(40, 80), _Place(80, 120), _Place(130, 160)]
    factors = border_factors(values, places)
    assert factors.dtype == np.float32
    assert factors[3] == 1
    np.testing.assert_allclose(np.log(factors[:3]).mean(), 0, atol=1e-6)
    np.testing.assert_allclose(
        factors[:3] * levels[:120:40], (100 * 110 * 90) ** (1 / 3), rtol=2e-3
    )


def _called(node):
    """What a node calls or takes of a module or an array, not of a log."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return node.func.id
    if not isinstance(node, ast.Attribute) or getattr(node.value, "id", None) == "snakemake":
        return None
    return node.attr


def _is_power(node, compiled):
    """Whether a node is a power that is not worked out by multiplications."""
    if not isinstance(node, (ast.BinOp, ast.AugAssign)) or not isinstance(node.op, ast.Pow):
        return False
    if isinstance(node, ast.AugAssign):
        return True
    number = isinstance(node.right, ast.Constant) and isinstance(node.right.value, int)
    # numba multiplies where the exponent is an integer that stands there
    return not number or not (compiled or isinstance(node.left, ast.Constant))


def _of_the_processor(tree, name="steps.py"):
    rounded = ROUNDED.get(name, ())
    for part in tree.body:
        for node in ast.walk(part):
            line = getattr(node, "lineno", 0)
            attribute = _called(node)
            if attribute in OF_THE_PROCESSOR:
                yield f"{line}: {attribute}"
            if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
                yield f"{line}: @"
            if getattr(part, "name", None) in rounded:
                continue
            if attribute in OF_THE_LIBRARY:
                yield f"{line}: {attribute}"
            if _is_power(node, name.endswith("_kernels.py")):
                yield f"{line}: **"


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_product_is_made_with_what_the_processor_chooses(folder):
    """Another processor would give other last bits: `small_systems` says why."""
    found = [
        f"{path.name}:{each}"
        for path in sorted(Path(ccdlib.__file__).parent.joinpath(folder).glob("*.py"))
        for each in _of_the_processor(ast.parse(path.read_text()), path.name)
    ]
    assert found == []


def test_what_is_looked_for_is_found():
    plain = "a @ b\nnp.linalg.inv(a)\nnp.hypot(a, b)\nnp.exp(x)\nx *= 2\n2**15\nx * x\n"
    powers = "x**0.5\nx**-0.5\nx**2\nx **= 3\nx**n\n2**n\nx**-2\n"
    tree = ast.parse(plain + powers)
    found = [each.split(": ")[1] for each in _of_the_processor(tree)]
    assert found == ["@", "linalg", "hypot", "exp", *["**"] * 7]
    compiled = [each.split(": ")[1] for each in _of_the_processor(tree, "a_kernels.py")]
    assert compiled == ["@", "linalg", "hypot", "exp", *["**"] * 6]
    own = ast.parse("def psf_kernel():\n    np.exp(x) ** y\n    a @ b\n")
    assert [each.split(": ")[1] for each in _of_the_processor(own, "lacosmic.py")] == ["@"]
