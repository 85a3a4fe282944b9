from .config import Checked, check_config, class_table
from .findings import Finding

__all__ = ['Checked', 'Finding', 'check_config', 'class_table']
