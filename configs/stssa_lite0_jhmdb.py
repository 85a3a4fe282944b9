# JHMDB split 1, frame by frame, ground-truth boxes as proposals, with a pretrained image trunk.
# Data: python tools/data/jhmdb.py /path/to/JHMDB
_base_ = './_base_/lite0.py'

num_classes = 22  # 21 actions + 1
model = dict(
    roi_head=dict(shared_head=dict(dims=128), bbox_head=dict(in_channels=128, num_classes=num_classes)))
optim_wrapper = dict(optimizer=dict(lr=2e-3))

data_root = 'data/jhmdb'
annotations = f'{data_root}/annotations'
label_file = f'{annotations}/action_list.pbtxt'
dataset = dict(label_file=label_file, data_prefix=dict(img=f'{data_root}/videos'), num_classes=num_classes)
train_dataloader = dict(
    dataset=dict(
        ann_file=f'{annotations}/train_split1.csv',
        proposal_file=f'{annotations}/train_split1_proposals.pkl',
        **dataset))
val_dataloader = dict(
    dataset=dict(
        ann_file=f'{annotations}/test_split1.csv',
        proposal_file=f'{annotations}/test_split1_proposals.pkl',
        **dataset))
test_dataloader = val_dataloader

val_evaluator = dict(
    ann_file=f'{annotations}/test_split1.csv', label_file=label_file, num_classes=num_classes)
test_evaluator = val_evaluator
