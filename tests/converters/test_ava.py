import io
import shutil
import zipfile

import cv2
import numpy as np
import pytest
from mmengine.config import Config

from stssa_mm.converters.ava import (
    STEPS,
    Sources,
    annotation_files,
    fetch_list,
    prepare_ava,
    unpack_annotations,
)
from stssa_mm.converters.download import DownloadError
from stssa_mm.video.writer import Window, cut_fault, run_ffmpeg, write_video

WINDOW = Window(start=2, seconds=2, tolerance=0.5)
VIDEOS = {'-a_1': '-a_1.mkv', 'b': 'b.mp4', 'c': 'c.mp4'}  # a and b train, c validates
PROPOSALS = 'ava_dense_proposals_{}.FAIR.recall_93.9.pkl'


def annotations_zip(version='2.1', without=()):
    """The archive: files in folders, as Google packs them."""
    rows = {'train': '-a_1,0902,0,0,1,1,12,0\n-a_1,0903,0,0,1,1,12,0\nb,0902\n', 'val': 'c,0902,0,0,1,1,12,0\n'}
    data = io.BytesIO()
    with zipfile.ZipFile(data, 'w') as file:
        for name in annotation_files(version, ('train', 'val')):
            subset = name.split('_')[1]
            if name not in without:
                file.writestr(f'research/ava/{name}', rows[subset] if name.endswith(f'{subset}_v{version}.csv') else '')
    return data.getvalue()


@pytest.fixture(scope='module')
def movies(tmp_path_factory):
    """The three movies' bytes: second s is grey, of brightness 30 * s."""
    folder = tmp_path_factory.mktemp('movies')
    write_video(folder / 'b.mp4', (np.full((48, 64, 3), 30 * (frame // 10), np.uint8) for frame in range(60)), 10)
    run_ffmpeg(folder / 'b.mp4', str(folder / '-a_1.mkv'))
    shutil.copy(folder / 'b.mp4', folder / 'c.mp4')
    return {name: (folder / name).read_bytes() for name in VIDEOS.values()}


@pytest.fixture
def ava(server, movies):
    """A server with all of AVA: three movies."""
    lists = {'trainval': ''.join(f'{name}\n' for name in VIDEOS.values()), 'test': 't.mp4\n'}
    server.files.update({f'/ann/ava_v{version}.zip': annotations_zip(version) for version in ('2.1', '2.2')})
    server.files.update({f'/prop/{PROPOSALS.format(subset)}': subset.encode() for subset in ('train', 'val', 'test')})
    server.files.update({f'/s3/annotations/ava_file_names_{name}_v2.1.txt': text.encode()
                         for name, text in lists.items()})
    server.files.update({f'/s3/trainval/{name}': body for name, body in movies.items()})
    server.files['/s3/test/t.mp4'] = movies['b.mp4']
    return server


def prepare(out, server, **kwargs):
    sources = Sources(f'{server.url}/ann', f'{server.url}/prop', f'{server.url}/s3')
    return prepare_ava(out, window=WINDOW, sources=sources, **kwargs)


def tree(out):
    """Every file but the frames with the time it was written, and of frames the number."""
    files = {str(file.relative_to(out)): file.stat().st_mtime_ns for file in out.rglob('*') if file.is_file()}
    return {name: time for name, time in files.items() if not name.startswith('rawframes')} | {
        folder.name: len(list(folder.iterdir())) for folder in out.glob('rawframes/*')}


@pytest.fixture
def complete(ava, tmp_path):
    """A complete copy; the server has forgotten what it was asked."""
    assert prepare(tmp_path / 'ava', ava)['missing'] == {}
    ava.requests.clear()
    return tmp_path / 'ava'


def test_from_nothing_to_what_the_configs_read(ava, tmp_path):
    assert prepare(tmp_path, ava) == {'videos': 3, 'missing': {}}
    assert set(tree(tmp_path)) == {
        *(f'annotations/{name}' for name in annotation_files('2.1', ('train', 'val'))),
        *(f'annotations/{PROPOSALS.format(subset)}' for subset in ('train', 'val')),
        'annotations/ava_file_names_trainval_v2.1.txt', *(f'videos/{name}' for name in VIDEOS.values()),
        *(f'videos_15min/{name}' for name in VIDEOS.values()), *VIDEOS}
    for video in VIDEOS:
        # Timestamp 903 of a movie cut at 902 is frame 31.
        frames = [cv2.imread(str(tmp_path / 'rawframes' / video / f'img_{number:05d}.jpg')) for number in (1, 31, 60)]
        assert [frame.mean() for frame in frames] == pytest.approx([60, 90, 90], abs=6)


@pytest.mark.parametrize('config, version', [('stssa_ava', '2.1'), ('stssa_ava22', '2.2')])
def test_files_are_those_that_the_configs_name(ava, tmp_path, repo, config, version):
    prepare(tmp_path / 'data' / 'ava', ava, version=version, steps=STEPS[:2])
    config = Config.fromfile(repo / 'configs' / f'{config}.py')
    for dataset in (config.train_dataloader.dataset, config.val_dataloader.dataset):
        for key in ('ann_file', 'exclude_file', 'label_file', 'proposal_file'):
            assert (tmp_path / dataset[key]).is_file(), dataset[key]
        assert dataset.data_prefix.img == 'data/ava/rawframes'


def test_a_complete_copy_is_left_alone_without_a_request(complete, ava):
    before = tree(complete)
    assert prepare(complete, ava) == {'videos': 3, 'missing': {}}
    assert tree(complete) == before
    assert ava.requests == []


def test_what_is_cut_needs_no_movie_and_what_has_frames_no_cut(complete, ava):
    shutil.rmtree(complete / 'videos')
    (complete / 'videos_15min' / 'b.mp4').unlink()
    before = tree(complete)
    assert prepare(complete, ava)['missing'] == {}
    assert tree(complete) == before and ava.requests == []
    prepare(complete, ava, steps=['videos', 'cut'])  # asks for the cut itself
    assert ava.paths() == ['/s3/trainval/b.mp4']
    assert tree(complete).keys() - before.keys() == {'videos/b.mp4', 'videos_15min/b.mp4'}


def test_a_cut_connection_and_a_404_do_not_stop_the_rest(ava, tmp_path, movies):
    half = len(movies['-a_1.mkv']) // 2
    ava.cuts['/s3/trainval/-a_1.mkv'] = half
    del ava.files['/s3/trainval/b.mp4']
    missing = prepare(tmp_path, ava)['missing']
    assert missing.keys() == {'b'} and missing['b'].endswith('/s3/trainval/b.mp4: HTTP 404 Not Found')
    assert (tmp_path / 'missing.txt').read_text() == f'b: {missing["b"]}\n'
    assert ('/s3/trainval/-a_1.mkv', f'bytes={half}-') in ava.requests
    assert (tmp_path / 'videos' / '-a_1.mkv').read_bytes() == movies['-a_1.mkv']
    assert {folder.name for folder in (tmp_path / 'rawframes').iterdir()} == {'-a_1', 'c'}

    ava.requests.clear()
    ava.files['/s3/trainval/b.mp4'] = movies['b.mp4']
    assert prepare(tmp_path, ava)['missing'] == {}
    assert ava.paths() == ['/s3/trainval/b.mp4']
    assert len(list((tmp_path / 'rawframes' / 'b').iterdir())) == 60
    assert not (tmp_path / 'missing.txt').exists()


def test_missing_proposals_stop_nothing(ava, tmp_path):
    name = PROPOSALS.format('val')
    del ava.files[f'/prop/{name}']
    missing = prepare(tmp_path, ava, steps=STEPS[:2])['missing']
    assert missing.keys() == {name} and 'HTTP 404' in missing[name]
    assert (tmp_path / 'annotations' / PROPOSALS.format('train')).exists()


def test_a_corrupt_cut_is_made_again_from_its_movie(complete, ava):
    cut = complete / 'videos_15min' / 'b.mp4'
    cut.write_bytes(cut.read_bytes()[:1000])
    others = {name: time for name, time in tree(complete).items() if name != 'videos_15min/b.mp4'}
    prepare(complete, ava, steps=['videos', 'cut'])
    assert cut_fault(cut, WINDOW) is None
    assert others.items() <= tree(complete).items() and ava.requests == []


def test_frames_of_an_interrupted_run_are_made_again(complete, ava):
    for number in range(20, 61):
        (complete / 'rawframes' / 'b' / f'img_{number:05d}.jpg').unlink()
    prepare(complete, ava)
    assert tree(complete)['b'] == 60 and ava.requests == []


def test_a_movie_that_another_program_left_half_is_downloaded_again(ava, tmp_path, movies):
    (tmp_path / 'videos').mkdir()
    (tmp_path / 'videos' / 'b.mp4').write_bytes(movies['b.mp4'][:1000])
    prepare(tmp_path, ava, steps=['annotations', 'videos'])
    assert (tmp_path / 'videos' / 'b.mp4').read_bytes() == movies['b.mp4']


def test_a_broken_movie_of_the_users_own_is_not_replaced(ava, tmp_path):
    (tmp_path / 'videos').mkdir()
    (tmp_path / 'videos' / 'b.webm').write_text('mine')
    missing = prepare(tmp_path, ava, steps=['annotations', 'videos'])['missing']
    assert missing['b'] == f'{tmp_path}/videos/b.webm cannot be decoded: delete it, and b.mp4 is downloaded'
    assert (tmp_path / 'videos' / 'b.webm').read_text() == 'mine'


def test_two_files_of_one_movie_stop_none_of_the_others(ava, tmp_path, movies):
    (tmp_path / 'videos').mkdir()
    for name in ('b.mp4', 'b.webm'):
        (tmp_path / 'videos' / name).write_bytes(movies['b.mp4'])
    missing = prepare(tmp_path, ava)['missing']
    assert missing.keys() == {'b'} and 'several files of this name: b.mp4, b.webm: keep one' in missing['b']
    assert tree(tmp_path)['c'] == 60


def test_offline_from_movies_and_an_archive_already_there(ava, tmp_path, movies):
    mine = tmp_path / 'mine'
    mine.mkdir()
    for name in ('-a_1.mkv', 'c.mp4'):
        (mine / name).write_bytes(movies[name])
    run_ffmpeg(mine / 'c.mp4', str(mine / 'c.webm'))
    (mine / 'c.mp4').unlink()
    (tmp_path / 'ava' / 'annotations').mkdir(parents=True)
    (tmp_path / 'ava' / 'annotations' / 'ava_v2.1.zip').write_bytes(annotations_zip())
    missing = prepare(tmp_path / 'ava', ava, offline=True, movies=mine)['missing']
    assert missing.keys() == {'b', PROPOSALS.format('train'), PROPOSALS.format('val')}
    assert missing['b'] == f'{mine}/b.* is not there, and offline'
    assert {file.name for file in (tmp_path / 'ava' / 'videos_15min').iterdir()} == {'-a_1.mkv', 'c.webm'}
    assert tree(tmp_path / 'ava')['c'] == 60
    assert ava.requests == []


def test_offline_without_annotations_names_each_missing_file(ava, tmp_path):
    with pytest.raises(FileNotFoundError) as error:
        prepare(tmp_path, ava, offline=True)
    assert all(name in str(error.value) for name in annotation_files('2.1', ('train', 'val')))
    assert ava.requests == []


def test_partial_copies(ava, tmp_path):
    assert prepare(tmp_path / '1', ava, steps=['annotations', 'videos'], limit=1)['videos'] == 2
    assert {file.name for file in (tmp_path / '1' / 'videos').iterdir()} == {'-a_1.mkv', 'c.mp4'}
    prepare(tmp_path / '2', ava, steps=['annotations', 'videos'], videos=['b'])
    assert {file.name for file in (tmp_path / '2' / 'videos').iterdir()} == {'b.mp4'}
    prepare(tmp_path / '3', ava, steps=STEPS[:3], subsets=['test'])
    assert {file.name for file in (tmp_path / '3' / 'videos').iterdir()} == {'t.mp4'}
    assert (tmp_path / '3' / 'annotations' / PROPOSALS.format('test')).exists()
    with pytest.raises(ValueError, match="video 'x': not in train of AVA v2.1"):
        prepare(tmp_path / '1', ava, subsets=['train'], videos=['b', 'x'])


@pytest.mark.parametrize('arguments, message', [
    (dict(steps=['cuts']), "step 'cuts': expected one of annotations, proposals"),
    (dict(subsets=['valid']), "subset 'valid': expected one of train, val, test"),
    (dict(version='2.0'), "version '2.0': expected one of 2.1, 2.2"),
    (dict(limit=0), 'limit 0: expected at least 1'),
])
def test_wrong_arguments(ava, tmp_path, arguments, message):
    with pytest.raises(ValueError, match=message):
        prepare(tmp_path, ava, **arguments)


def test_steps_say_which_step_comes_first(complete, ava):
    for folder in ('rawframes', 'videos_15min'):
        shutil.rmtree(complete / folder)
    assert 'run the step cut first' in prepare(complete, ava, steps=['frames'], videos=['b'])['missing']['b']
    shutil.rmtree(complete / 'videos')
    assert 'run the step videos first' in prepare(complete, ava, steps=['cut'], videos=['b'])['missing']['b']
    shutil.rmtree(complete / 'annotations')
    with pytest.raises(FileNotFoundError, match='run the step annotations first'):
        prepare(complete, ava, steps=['cut'])


def test_archives_cannot_write_elsewhere_or_over_existing_files(tmp_path):
    folder = tmp_path / 'a' / 'annotations'
    folder.mkdir(parents=True)
    (folder / 'ava_train_v2.1.csv').write_text('mine')
    with zipfile.ZipFile(tmp_path / 'bad.zip', 'w') as file:
        for name in ('../ava_up.csv', f'{tmp_path}/ava_root.csv', 'ava_train_v2.1.csv', 'run.sh', 'ava_..\\..\\x.csv'):
            file.writestr(name, 'theirs')
    unpack_annotations(tmp_path / 'bad.zip', folder)
    assert {str(file.relative_to(tmp_path)) for file in tmp_path.rglob('*') if file.is_file()} == {
        'bad.zip', *(f'a/annotations/ava_{name}.csv' for name in ('up', 'root', 'train_v2.1'))}
    assert (folder / 'ava_train_v2.1.csv').read_text() == 'mine'


@pytest.mark.parametrize('damage', [lambda zip: b'<html>', lambda zip: zip[:-40]])
def test_a_damaged_archive_is_named(ava, tmp_path, damage):
    ava.files['/ann/ava_v2.1.zip'] = damage(annotations_zip())
    with pytest.raises(ValueError, match=r'ava_v2.1.zip: .*: delete it and run again'):
        prepare(tmp_path, ava)


def test_an_archive_that_lacks_a_file_is_named(ava, tmp_path):
    ava.files['/ann/ava_v2.1.zip'] = annotations_zip(without=['ava_val_v2.1.csv'])
    with pytest.raises(FileNotFoundError, match=r'ava_v2.1.zip does not hold ava_val_v2.1.csv$'):
        prepare(tmp_path, ava)


@pytest.mark.parametrize('line', ['../evil.mp4', 'a/b.mp4', 'b.sh', '-a_1'])
def test_lists_hold_file_names_only(tmp_path, line):
    (tmp_path / 'ava_file_names_test_v2.1.txt').write_text(f'b.mp4\n{line}\n')
    with pytest.raises(ValueError, match=r'test_v2.1.txt:2: .* expected a file name'):
        fetch_list(tmp_path, 'test', '', offline=True)


def test_annotations_that_cannot_be_had_stop_the_run(ava, tmp_path):
    del ava.files['/ann/ava_v2.1.zip']
    with pytest.raises(DownloadError, match='/ann/ava_v2.1.zip: HTTP 404'):
        prepare(tmp_path, ava)
    assert ava.paths() == ['/ann/ava_v2.1.zip']
