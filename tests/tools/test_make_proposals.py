"""tools/data/make_proposals.py with the region proposals of a network; with a detector: test_own_videos.py."""
from stssa_mm.files.proposals import read_proposals


def run(load_tool, region_network, key_frames, toy, out, *options):
    config, checkpoint = region_network
    return load_tool('data/make_proposals.py').run(key_frames, toy / 'videos', out, '--detector', config,
                                                   '--checkpoint', checkpoint, *options)


def test_writes_region_proposals(load_tool, region_network, key_frames, toy, tmp_path, capsys):
    out = tmp_path / 'x.csv'
    assert not run(load_tool, region_network, key_frames, toy, out, '--score-thr', 0, '--nms-thr', 0.99,
                   '--max-people', 3)
    assert f'{out}: 15 people on 5 key frames' in capsys.readouterr().out
    found = read_proposals(str(out))
    assert all(','.join(line.split(',')) in found for line in key_frames.read_text().split())


def test_errors_are_one_line(load_tool, region_network, key_frames, toy, tmp_path):
    def error(*options):
        return run(load_tool, region_network, key_frames, toy, tmp_path / 'x.csv', *options)

    for options in (('--timestamps', 'frames'), ('--timestamp-start', 0), ('--fps', 25)):
        assert error(*options).startswith('make_proposals.py: --timestamps, --timestamp-start, --video-info and --fps')
    assert error('--device', 'cuda:99').startswith("make_proposals.py: device='cuda:99': ")
    assert error('--max-people', 0) == 'make_proposals.py: max_people=0: expected 1 or more'


def test_nothing_that_is_read_is_overwritten(load_tool, region_network, key_frames, toy):
    before = key_frames.read_text()
    error = run(load_tool, region_network, key_frames, toy, key_frames)
    assert error == (f'make_proposals.py: {key_frames}: it is read, and would be overwritten: choose another file to '
                     'write')
    assert key_frames.read_text() == before
