"""The one place that reads a study's configuration."""

from thinkscale.config.read import load_study, parse_study
from thinkscale.config.study import Study
from thinkscale.config.yaml_file import read_yaml

__all__ = ["Study", "load_study", "parse_study", "read_yaml"]
