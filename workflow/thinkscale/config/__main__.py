"""Whether the study files that arguments of snakemake name can be read.

    python -m thinkscale.config --configfile my.yaml [anything else for snakemake]

Snakemake reads what `--configfile` names before any code of ours, and tells neither file nor line
of what it cannot read: `make` looks first.
"""

import argparse
import sys
from pathlib import Path

from thinkscale.config import read_yaml
from thinkscale.errors import ThinkscaleError

DEFAULT = "config/config.yaml"

parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
parser.add_argument("--configfile", "--configfiles", nargs="+", default=[DEFAULT])
given, _ = parser.parse_known_args()
try:
    for path in given.configfile:
        read_yaml(Path(path))
except ThinkscaleError as error:
    sys.exit(f"thinkscale: {error}")
