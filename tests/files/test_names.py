"""A video whose name the files of results cannot hold is refused before the long work, not after it."""
import re

import numpy as np
import pytest
from datasets.video_files import Squares, write_squares
from scipy.io import savemat

from stssa_mm.converters.jhmdb import convert_jhmdb
from stssa_mm.datasets import STSSAAVADataset
from stssa_mm.files.annotations import Row, read_annotations, write_annotations
from stssa_mm.files.key_frames import check_video_names, split_key
from stssa_mm.files.proposals import read_proposals, write_proposals
from stssa_mm.people.proposals import make_proposals

BAD = ['a,b', 'a\nb', 'a\rb', 'a\r\nb', 'a"b', '"', 'a\tb', 'a\0b', 'a\x7fb', 'a\x85b', 'a\u2028b', ',', 'a,0902',
       '\x1b[2J']
GOOD = ['a', 'a b', "o'brien", 'é', '日本', 'a;b', 'a.b.mp4', 'folder/a', '-5KQ66BBWC4', 'a\\b', '{a}', '$(a)', '#a',
        'a=b']
BOXES = np.array([[0.1, 0.2, 0.3, 0.4, 0.99]])


@pytest.mark.parametrize('name', BAD)
def test_a_test_without_labels_refuses_it_at_the_start(name, tmp_path):
    """The proposals alone say the key frames."""
    import pickle
    (tmp_path / 'p.pkl').write_bytes(pickle.dumps({f'{name},0902': BOXES}))
    with pytest.raises(ValueError, match=rf'^{tmp_path}/p\.pkl: [^\n]*$'):
        STSSAAVADataset(None, [], proposal_file=str(tmp_path / 'p.pkl'), test_mode=True, num_classes=3)


@pytest.mark.parametrize('name', [name for name in BAD if '\n' not in name and '\r' not in name and '\0' not in name])
def test_so_do_a_dataset_with_labels_and_make_proposals(name, tmp_path):
    quoted = name.replace('"', '""')
    (tmp_path / 'a.csv').write_text(f'"{quoted}",0902,0.1,0.2,0.3,0.4,1,0\n')
    with pytest.raises(ValueError, match=rf'^{tmp_path}/a\.csv:?[^\n]*$'):
        STSSAAVADataset(str(tmp_path / 'a.csv'), [], num_classes=3)
    detector = Squares()
    with pytest.raises((ValueError, FileNotFoundError), match=rf'^{tmp_path}/[^\n]*$'):
        make_proposals(tmp_path / 'a.csv', tmp_path, detector, tmp_path / 'p.pkl')
    assert not detector.calls and not (tmp_path / 'p.pkl').exists()


@pytest.mark.parametrize('name', BAD)
def test_what_is_written_is_never_unreadable(name, tmp_path):
    for write in (lambda: write_annotations(tmp_path / 'a.csv', [Row(name, 902, 0.1, 0.2, 0.3, 0.4, 1, 0)]),
                  *(lambda suffix=suffix: write_proposals(tmp_path / f'p{suffix}', {f'{name},0902': BOXES})
                    for suffix in ('.csv', '.pkl', '.npz'))):
        with pytest.raises(ValueError, match=rf'^{tmp_path}/[ap]\.\w+: video [^\n]*: expected a name without commas'):
            write()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize('name', GOOD)
def test_names_that_are_fine_are_read_back(name, tmp_path):
    check_video_names([name], 'x')
    write_annotations(tmp_path / 'a.csv', [Row(name, 902, 0.1, 0.2, 0.3, 0.4, 1, 0)])
    assert read_annotations(tmp_path / 'a.csv').videos.tolist() == [name]
    for suffix in ('.csv', '.pkl'):
        write_proposals(tmp_path / f'p{suffix}', {f'{name},0902': BOXES})
        assert split_key(*read_proposals(tmp_path / f'p{suffix}'))[:2] == (name, 902)


def test_a_clip_of_jhmdb(tmp_path):
    (tmp_path / 'splits').mkdir()
    (tmp_path / 'splits' / 'run_test_split1.txt').write_text('a.avi 1\nb,c.avi 2\n')
    savemat(tmp_path / 'puppet_mask.mat', {'part_mask': np.ones((8, 8, 2))})
    with pytest.raises(ValueError, match=rf"^{tmp_path}/splits/run_test_split1\.txt:2: video 'b,c': expected a name"):
        convert_jhmdb(tmp_path, tmp_path / 'out')


def test_messages_are_one_line_that_says_the_name():
    for name in BAD:
        with pytest.raises(ValueError, match=rf'^x: video {re.escape(repr(name))}: expected [^\n]*$'):
            check_video_names([name], 'x')


def test_own_videos_are_named_anew(tmp_path):
    from stssa_mm.converters.own_videos.labelled_video import safe_name
    write_squares(tmp_path / 'a, b.mp4', [3])
    for name in BAD:
        if '\0' not in name:
            check_video_names([safe_name((tmp_path / name).relative_to(tmp_path))], 'x')
