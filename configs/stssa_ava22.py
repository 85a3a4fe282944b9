_base_ = './stssa_ava.py'  # AVA v2.2; the proposals are those of v2.1
ann, names = 'data/ava/annotations', 'data/ava/annotations/ava_action_list_v2.2_for_activitynet_2019.pbtxt'
train_files = dict(ann_file=f'{ann}/ava_train_v2.2.csv', exclude_file=f'{ann}/ava_train_excluded_timestamps_v2.2.csv')
val_files = dict(ann_file=f'{ann}/ava_val_v2.2.csv', exclude_file=f'{ann}/ava_val_excluded_timestamps_v2.2.csv')
train_dataloader = dict(dataset=dict(label_file=names, **train_files))
val_dataloader = test_dataloader = dict(dataset=dict(label_file=names, **val_files))
val_evaluator = test_evaluator = dict(label_file=names, **val_files)
