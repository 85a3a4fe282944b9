"""What is in a file, for every kind of it."""
import numpy as np
import pytest
from hard_videos import KINDS, encode_to_pipe, run
from numbered_videos import H264, OPEN_GROUPS, starts_of_frames, with_field

from stssa_mm.video.probe import BrokenVideoError, probe

READ = [name for name, kind in KINDS.items() if not kind.refused]
REFUSED = [name for name, kind in KINDS.items() if kind.refused]


def probed(path):
    return probe(str(path), str(path))


@pytest.mark.parametrize('kind', READ)
def test_each_frame_that_a_player_shows_and_when(kind, hard_video):
    found = probed(hard_video(kind))
    np.testing.assert_allclose(found.times, KINDS[kind].seconds(), atol=0.0011)  # Matroska counts milliseconds
    assert found.times[0] == 0 and (np.diff(found.times) >= 0).all()


@pytest.mark.parametrize('kind', REFUSED)
def test_what_cannot_be_exact_is_refused_in_one_line(kind, hard_video):
    with pytest.raises(BrokenVideoError) as error:
        probed(hard_video(kind))
    message = str(error.value)
    assert message.startswith(f'{hard_video(kind)}: ') and KINDS[kind].refused in message
    assert '\n' not in message and '(ffmpeg -i IN -c:v libx264 OUT.mp4)' in message


@pytest.mark.parametrize(('kind', 'container', 'codec', 'turn'), [
    ('mp4 h264', 'mov', 'h264', (False, False, False)), ('ts mpeg2', 'mpegts', 'mpeg2video', (False, False, False)),
    ('turned left', 'mov', 'h264', (True, False, True))])
def test_container_codec_and_orientation(kind, container, codec, turn, hard_video):
    found = probed(hard_video(kind))
    assert found.container.startswith(container) and (found.codec, found.turn) == (codec, turn)


@pytest.mark.parametrize(('kind', 'first'), [('mp4 h264', [0, 24, 48]), ('ts h264', [0, 24, 48]), ('gif', [0])])
def test_where_decoding_can_start(kind, first, hard_video):
    assert probed(hard_video(kind)).first.tolist() == first


def test_frames_ahead_of_a_key_frame_in_an_open_group_belong_to_the_group_before(hard_video):
    found = probed(hard_video('mp4 mpeg4 open groups'))
    assert (found.first[1:] > found.starts[1:]).all()  # in the file the key frame comes before them


@pytest.mark.parametrize('kind', ['avi h264', 'raw h264 named mp4', 'two frames a time'])
def test_files_that_do_not_say_which_packet_is_shown_when_are_counted(kind, hard_video):
    found = probed(hard_video(kind))
    assert found.stamps is None and found.first.tolist() == [0]


@pytest.mark.parametrize(('kind', 'rate'), [('mp4 h264', 25), ('avi h264', 25), ('ogv theora', 25),
                                            ('varying rate, mp4', 71 / ((71 + 70) / 25))])
def test_rate(kind, rate, hard_video):
    assert probed(hard_video(kind)).rate == pytest.approx(rate, rel=0.01)


@pytest.mark.parametrize(('change', 'message'), [
    (lambda file: file.write_text('not a video\n' * 99), 'it cannot be opened'),
    (lambda file: file.write_bytes(OPEN_GROUPS.read_bytes()[:600]), 'so it is cut off'),
    (lambda file: file.write_bytes(H264.read_bytes()[:starts_of_frames(H264)[100]]), 'so it is cut off'),
    (lambda file: with_field(H264, file, b'stsz', 8, 0), 'none of its 0 packets gives a frame'),
])
def test_a_broken_file_is_one_line_that_names_it(tmp_path, change, message):
    change(tmp_path / 'x.mp4')
    with pytest.raises(BrokenVideoError, match=rf'^{tmp_path}/x\.mp4: [^\n]*{message}[^\n]*$'):
        probed(tmp_path / 'x.mp4')


EBML = b'\x1a\x45\xdf\xa3'
FTYP = b'\x00\x00\x00\x10ftypisom\x00\x00\x02\x00'
SEGMENT = b'\x80\x18\x53\x80\x67'
MDAT64 = FTYP + b'\x00\x00\x00\x01mdat'


@pytest.mark.parametrize('data', [
    b'R', b'RIFF', b'RIFF\xff', b'RIFF\xff\xff\xff\xff', b'RIFF\x00\x00\x00\x00AVI ',
    EBML, EBML + bytes(60), EBML + b'\x80', EBML + b'\xff' * 60, EBML + b'\x01\x00\x00',
    EBML + b'\x01' + b'\xff' * 6 + b'\xfe', EBML + SEGMENT, EBML + SEGMENT + b'\x01\xff', EBML + SEGMENT + bytes(9),
    FTYP, FTYP[:5], FTYP[:9], MDAT64, MDAT64 + bytes(3), MDAT64 + bytes(8), MDAT64 + b'\xff' * 8,
    MDAT64 + b'\x7f' + b'\xff' * 7, FTYP + b'\x00\x00\x00\x07mdat', FTYP + b'\x00\x00\x00\x00mdat',
    FTYP + b'\xff\xff\xff\xffmoov'], ids=repr)
def test_a_head_that_makes_no_sense_is_refused_in_one_line(tmp_path, data):
    file = tmp_path / 'x.mp4'
    file.write_bytes(data)
    for source in (str(file), data):
        with pytest.raises(BrokenVideoError, match=rf'^{file}: [^\n]+$'):
            probe(source, str(file))


@pytest.mark.parametrize('kind', ['mp4 h264', 'mp4 fragmented', 'mkv h264', 'avi xvid', 'ts h264', 'gif', 'flv h264'])
def test_a_file_that_is_cut_in_its_head_is_refused_in_one_line(kind, hard_video):
    data = hard_video(kind).read_bytes()
    for length in range(1, 64):
        with pytest.raises(BrokenVideoError, match=r'^x: [^\n]+$'):
            probe(data[:length], 'x')


def test_what_is_written_to_a_pipe_does_not_know_its_length(tmp_path):
    data = encode_to_pipe('-c:v', 'mpeg4', form='avi')
    assert data[:4] == b'RIFF' and len(probe(data, 'x').times) == 72


def test_a_video_of_an_unknown_codec_is_refused(hard_video):
    data = hard_video('mp4 h264').read_bytes()
    with pytest.raises(BrokenVideoError, match=r'^x: its codec is not known\. '):
        probe(data.replace(b'avc1', b'qqqq'), 'x')


def test_a_stream_that_begins_late_is_refused(hard_video):
    """PyAV has no place for it. Here the last frame that begins a packet is moved into a stream of its own."""
    data = bytearray(hard_video('ts h264').read_bytes())
    place = max(place for place in range(0, len(data), 188) if data[place + 1:place + 3] == b'\x41\x00')
    data[place + 2] = 0x52
    with pytest.raises(BrokenVideoError, match=r'^x: after packet \d+ a stream begins that was not there\. '):
        probe(bytes(data), 'x')


def test_a_file_that_cannot_be_opened_is_refused(tmp_path):
    (tmp_path / 'x.mp4').symlink_to('x.mp4')
    for path in (tmp_path, tmp_path / 'x.mp4', tmp_path / 'nowhere.mp4'):
        with pytest.raises(BrokenVideoError, match=rf'^{path}: it cannot be opened \([^\n]+$'):
            probed(path)


def test_sound_alone_is_no_video(tmp_path):
    run('-f', 'lavfi', '-t', 1, '-i', 'sine', tmp_path / 'x.mp4')
    with pytest.raises(BrokenVideoError, match='there is no video in it'):
        probed(tmp_path / 'x.mp4')


def test_hard_inputs(shared_data):
    frames = {'av1.mp4': 75, 'editlist.mp4': 120, 'long_x264_default.ts': 1000, 'nokey.mp4': 100, 'vfr.mp4': 102,
              'vp8_arf.webm': 150, 'x264_bf0_g25.avi': 100, 'x265_open.mp4': 75}
    folder = shared_data / 'hard_inputs' / 'videos'
    assert {file.name: len(probed(file).times) for file in folder.iterdir()} == frames
