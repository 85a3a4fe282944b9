# A pretrained image trunk for your own videos: what the configs of tools/data/from_videos.py inherit from, which set
# the classes and the files.
_base_ = './_base_/lite0.py'

num_classes = 3  # 2 classes + 1
# Labels are often those of whole clips: the frame's features go beside the person's.
model = dict(
    roi_head=dict(with_frame=True, shared_head=dict(in_channels=1280), bbox_head=dict(num_classes=num_classes)))

data_root = 'data/own-videos'
annotations = f'{data_root}/annotations'
label_file = f'{annotations}/action_list.pbtxt'
dataset = dict(label_file=label_file, data_prefix=dict(img=f'{data_root}/videos'), num_classes=num_classes)
train_dataloader = dict(
    dataset=dict(
        ann_file=f'{annotations}/train.csv', proposal_file=f'{annotations}/train_proposals.pkl', **dataset))
val_dataloader = dict(
    dataset=dict(ann_file=f'{annotations}/val.csv', proposal_file=f'{annotations}/val_proposals.pkl', **dataset))
test_dataloader = val_dataloader

val_evaluator = dict(ann_file=f'{annotations}/val.csv', label_file=label_file, num_classes=num_classes)
test_evaluator = val_evaluator
