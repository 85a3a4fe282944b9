from .ava_metric import STSSAAVAMetric

__all__ = ['STSSAAVAMetric']
