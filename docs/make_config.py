"""Write docs/config.md from the config's schema: python docs/make_config.py"""

from pathlib import Path

from ccdlib.config import config_keys

OUTPUT = Path(__file__).with_name("config.md")
_HEAD = """# Every key of the config

Made from workflow/schemas/config.schema.yaml by `python docs/make_config.py`; a test keeps it in
step. Keys go into `config/config.yaml` of the working directory, or on the command line:

```bash
snakemake --config raw_dir=/data/2024-05-13 camera=lick_nickel 'cosmic_rays={sigclip: 5}'
```

An unknown key, a wrong type or an impossible value stops the run before any work. A relative
`raw_dir` is looked for in the working directory, then where the command was given. A folder whose
name is a number may lose zeros on the way (`raw_dir=0513` arrives as 513): the one folder there
whose name reads as that number is taken.

The table of `corrections` is a CSV with the column `file`, as in results/index.csv, and any of
these; an empty cell leaves what was found:

| column | what |
|---|---|
| `imagetyp` | bias, dark, flat, light or lamp |
| `object`, `filter` | text |
| `exptime` | seconds |
| `done` | steps that the camera's program did: `none`, or bias, dark and flat joined by + |
| `window` | where the frame lies on the chip, see [camera.md](camera.md) |
| `use` | `false` sets the frame aside |
| `bias`, `dark`, `flat` | the master to take: its name or path as in results/plan.csv, or `none` |

It also serves a frame that was refused for the value that it gives.

| key | allowed | default | meaning |
|---|---|---|---|
"""


def text():
    """The page."""
    lines = []
    for key, meaning, allowed, default in config_keys():
        cells = (f"`{key}`", allowed, f"`{default}`" if default else "", meaning)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return _HEAD + "\n".join(lines) + "\n"


if __name__ == "__main__":
    OUTPUT.write_text(text())
