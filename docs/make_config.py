"""Write docs/config.md from the config's schema: python docs/make_config.py"""

from pathlib import Path

from ccdlib.config import config_keys

OUTPUT = Path(__file__).with_name("config.md")
_HEAD = """# Every key of the config

Made from workflow/schemas/config.schema.yaml by `python docs/make_config.py`; a test keeps it in
step. Keys go into `config/config.yaml` of the working directory, or on the command line:

    snakemake --config raw_dir=/data/2024-05-13 camera=lick_nickel 'cosmic_rays={sigclip: 5}'

An unknown key, a wrong type or an impossible value stops the run before any work.

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
