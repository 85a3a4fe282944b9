_base_ = './stssa_jhmdb.py'  # without reduction and LayerNorm nothing is left: this is the plain head, too
model = dict(roi_head=dict(shared_head=dict(branches=())))
