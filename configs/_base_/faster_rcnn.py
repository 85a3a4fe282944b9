# Region proposals, box regression and suppression: the settings of mmdet's Faster R-CNN (C4), with fewer RoIs, as each
# passes through the attention.
rpn_head = dict(
    type='STSSARPNHead',
    time='centre',
    anchor_generator=dict(
        type='AnchorGenerator', scales=[2, 4, 8, 16], ratios=[0.5, 1.0, 2.0], strides=[16]),
    bbox_coder=dict(type='DeltaXYWHBBoxCoder', target_stds=[1.0, 1.0, 1.0, 1.0]),
    loss_cls=dict(type='CrossEntropyLoss', use_sigmoid=True),
    loss_bbox=dict(type='SmoothL1Loss', beta=1 / 9))

proposals = dict(nms_pre=2000, max_per_img=100, nms=dict(type='nms', iou_threshold=0.7), min_bbox_size=0)
detection_train_cfg = dict(
    rpn=dict(
        assigner=dict(type='MaxIoUAssigner', pos_iou_thr=0.7, neg_iou_thr=0.3, min_pos_iou=0.3),
        sampler=dict(type='RandomSampler', num=256, pos_fraction=0.5, add_gt_as_proposals=False),
        allowed_border=-1,  # anchors may reach over the frame
        pos_weight=-1),
    rpn_proposal=proposals,
    rcnn=dict(
        assigner=dict(pos_iou_thr=0.5, neg_iou_thr=0.5, min_pos_iou=0.5, match_low_quality=False),
        sampler=dict(num=32, pos_fraction=0.25)))
detection_test_cfg = dict(
    _delete_=True,
    rpn=dict(proposals, max_per_img=32),
    rcnn=dict(score_thr=0.002, nms=dict(type='nms', iou_threshold=0.5), max_per_img=100))
