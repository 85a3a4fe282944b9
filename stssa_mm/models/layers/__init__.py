from .attention import SlowFastAttentionBlock, SpatialSlowFastAttention, TemporalSlowFastAttention

__all__ = ['SlowFastAttentionBlock', 'SpatialSlowFastAttention', 'TemporalSlowFastAttention']
