"""The one place that reads a study's configuration."""

from thinkscale.config.read import load_study, parse_study, refuse_repeated_keys
from thinkscale.config.study import Study

__all__ = ["Study", "load_study", "parse_study", "refuse_repeated_keys"]
