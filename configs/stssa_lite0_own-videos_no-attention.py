_base_ = './stssa_lite0_own-videos.py'  # the same reduction and LayerNorms, without any attention branch
model = dict(roi_head=dict(shared_head=dict(branches=())))
