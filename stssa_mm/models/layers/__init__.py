from .block import SlowFastAttentionBlock
from .ssfa import SpatialSlowFastAttention
from .tsfa import TemporalSlowFastAttention

__all__ = ['SlowFastAttentionBlock', 'SpatialSlowFastAttention', 'TemporalSlowFastAttention']
