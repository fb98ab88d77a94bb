"""How often stars are matched, and how often wrongly: python tests/benchmarks/registration.py [N]

N simulated pairs of lists (10 000), every second of one field: 5 to 500 stars, any angle, mirrored
or not, scales of 0.95 to 1.05 (or --scales), shifts of up to half a frame, up to 30 % of each list
false stars.
Prints Markdown. With --peer every pair is given to astroalign as well, if it is installed.
"""

import argparse
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np

from ccdlib.registration.match_stars import NotMatched, match_stars
from ccdlib.registration.patterns import SCALES

sys.path.append(str(Path(__file__).parents[1] / "helpers"))

from star_fields import star_lists

# places within so many pixels of the truth are right
RIGHT = 1.0
GROUPS = [(0, 4), (5, 5), (6, 7), (8, 11), (12, 19), (20, 49), (50, 200)]


def ours(reference, frame, scales=SCALES):
    """The stars' places in the frame as the match has them, or None; its false alarms."""
    try:
        match = match_stars(reference, frame, scales=scales)
    except NotMatched as error:
        return None, error.false_alarms
    return match.transform(reference.x, reference.y), match.false_alarms


def astroalign(reference, frame):
    """The same of `astroalign.find_transform`, with its defaults."""
    import astroalign as peer

    lists = [np.column_stack([each.x, each.y]) for each in (reference, frame)]
    try:
        transform, _ = peer.find_transform(*lists)
    except (peer.MaxIterError, ValueError, TypeError):
        return None, np.nan
    return transform(lists[0]).T, np.nan


def in_common(reference, frame, way):
    """The stars of the reference that the frame's list has as well."""
    x, y = way(reference.x, reference.y)
    return np.hypot(frame.x[:, None] - x, frame.y[:, None] - y).min(axis=0) < 0.5


def judged(found, reference, way, common):
    """'right', 'wrong' or 'none', and how far the common stars' places are off (RMS, pixels)."""
    if found is None:
        return "none", np.nan
    true = way(reference.x, reference.y)
    off = np.square(np.subtract(found, true)).sum(axis=0)[common]
    rms = float(np.sqrt(off.mean())) if off.size else np.inf
    return ("right" if rms < RIGHT else "wrong"), rms


def one_pair(number, peers, scales):
    """(stars in common or None for two fields, {peer: (verdict, off, seconds, false alarms)})."""
    rng = np.random.default_rng([18, number])
    stars = round(5 * 100 ** rng.random())
    same = number % 2 == 0
    reference, frame, way = star_lists(rng, stars, same, false=rng.uniform(0, 0.3), scales=scales)
    results = {}
    common = (
        in_common(reference, frame, way) if same and len(frame) else np.zeros(len(reference), bool)
    )
    for name, peer in peers.items():
        start = time.process_time()
        found, alarms = peer(reference, frame)
        spent = time.process_time() - start
        results[name] = *judged(found, reference, way, common), spent, alarms
    return (int(common.sum()) if same else None), results


def table(name, pairs):
    """What was found of one peer."""
    print(
        f"\n{name}\n\n| stars in common | pairs | right | wrong | none | off by | s of processor |"
    )
    print("|---|---|---|---|---|---|---|", flush=True)
    groups = [(f"{low} to {high}", low, high) for low, high in GROUPS] + [
        ("another field", None, None)
    ]
    for label, low, high in groups:
        own = [
            results[name]
            for common, results in pairs
            if (common is None) == (low is None) and (common is None or low <= common <= high)
        ]
        counts = [sum(each[0] == what for each in own) for what in ("right", "wrong", "none")]
        off = [each[1] for each in own if each[0] == "right"]
        spent = np.mean([each[2] for each in own]) if own else np.nan
        off = f"{np.median(off):.3f}" if off else "-"
        print(
            f"| {label} | {len(own)} |", *(f"{each} |" for each in counts), f"{off} | {spent:.3f} |"
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("pairs", type=int, nargs="?", default=10_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--peer", action="store_true")
    parser.add_argument("--scales", type=float, nargs=2, help="of the frames, and looked for")
    given = parser.parse_args()
    own = partial(ours, scales=given.scales) if given.scales else ours
    peers = {"ccdlib": own} | ({"astroalign": astroalign} if given.peer else {})
    pairs = [
        one_pair(given.first + number, peers, given.scales or (0.95, 1.05))
        for number in range(given.pairs)
    ]
    for name in peers:
        table(name, pairs)
    alarms = np.array([results["ccdlib"][3] for common, results in pairs if common is None])
    print("\nOf other fields, the best match is one that chance brings so often or less:\n")
    for limit in (1, 0.1, 0.01, 0.001, 1e-6):
        print(f"- {limit:g} times: {(alarms <= limit).mean():.4f}")


if __name__ == "__main__":
    main()
