_base_ = './stssa_lite0_jhmdb.py'  # the same reduction and LayerNorms, without any attention branch
model = dict(roi_head=dict(shared_head=dict(branches=())))
