"""The one place that reads a study's configuration."""

from thinkscale.config.model import Study
from thinkscale.config.read import load_study, parse_study

__all__ = ["Study", "load_study", "parse_study"]
