"""Which frame is at this second? Training, check_dataset, the contact sheet, make_proposals and from_videos are asked
the same of every kind of video, and give the same frame, or the same refusal."""
import shutil

import cv2
import numpy as np
import pytest
from hard_videos import KINDS
from mmengine.config import Config
from mmengine.registry import init_default_scope
from numbered_videos import number_of, numbered_frames

from stssa_mm.checks import check_config
from stssa_mm.converters.own_videos import convert_own_videos
from stssa_mm.datasets import STSSAAVADataset
from stssa_mm.datasets.transforms import STSSARawFrameDecode, STSSASampleFrames, STSSAVideoDecode, STSSAVideoInit
from stssa_mm.people.proposals import make_proposals
from stssa_mm.registry import DATASETS
from stssa_mm.video.folder import FrameFolder
from stssa_mm.video.probe import BrokenVideoError
from stssa_mm.video.reader import Video, open_video
from stssa_mm.visualization import contact_sheet

READ = [name for name, kind in KINDS.items() if not kind.refused]
REFUSED = [name for name, kind in KINDS.items() if kind.refused]
PIPELINE = [dict(type='STSSAVideoInit'), dict(type='STSSASampleFrames', clip_len=1, frame_interval=1, test_mode=True),
            dict(type='STSSAVideoDecode')]


class Numbers:
    """A person detector that notes the numbers of the frames that it is given, and finds a person on each."""
    name = 'numbers'

    def __init__(self, number_of):
        self.number_of, self.seen = number_of, []

    def __call__(self, frames):
        self.seen += map(self.number_of, frames)
        return [np.array([[.1, .5, .3, .9, .8]])] * len(frames)


class Asked:
    """Two copies of a video, whose ids are v and w, and the seconds at which they are labelled."""

    def __init__(self, kind, file, folder, repo):
        self.kind, self.folder, self.repo = KINDS[kind], folder, repo
        shown = self.kind.seconds()
        self.seconds = [shown[index] + 0.012 for index in sorted({0, len(shown) // 2, len(shown) - 1})]
        nearest = [np.abs(shown - second) for second in self.seconds]
        self.expected = [self.kind.numbers[np.flatnonzero(far == far.min())[-1]] for far in nearest]
        self.videos = folder / 'videos'
        self.videos.mkdir()
        for name in 'vw':
            shutil.copy(file, self.videos / f'{name}{file.suffix}')
        self.file = self.videos / f'v{file.suffix}'
        self.annotations = folder / 'a.csv'
        self.annotations.write_text(''.join(f'v,{second:.4f},.1,.5,.3,.9,1,0\n' for second in self.seconds))
        self.dataset = dict(ann_file=str(self.annotations), data_prefix=dict(img=str(self.videos)), use_frames=False,
                            video_suffix=None, fps=30, timestamp_start=0, test_mode=True, num_classes=2)

    def training(self):
        data = STSSAAVADataset(pipeline=[STSSAVideoInit(), STSSASampleFrames(1, 1, test_mode=True), STSSAVideoDecode()],
                               **self.dataset)
        return [self.kind.number_of(data[index]['imgs'][0]) for index in range(len(data))]

    def check_dataset(self):
        """The findings about the video, and the frames that were looked at."""
        asked, check = [], Video.check
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Video, 'check', lambda video, numbers: (asked.extend(sorted(numbers)), check(video, numbers)))
            part = dict(self.dataset, type='STSSAAVADataset', pipeline=PIPELINE)
            checked = check_config(Config(dict(val_dataloader=dict(dataset=part))), videos=-1)
        found = [finding.text for finding in checked.findings
                 if finding.name in ('unreadable video', 'timestamps', 'missing videos')]
        return found, asked

    def contact_sheet(self):
        seen = []
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(contact_sheet, '_draw', lambda image, *_: (
                seen.append(self.kind.number_of(image)), np.zeros((contact_sheet.HEIGHT, 9, 3), np.uint8))[1])
            contact_sheet.write_contact_sheet({'val': STSSAAVADataset(pipeline=[], **self.dataset)}, {1: 'a'},
                                              self.folder / 'sheet.png', by_video={'val'})
        return seen

    def make_proposals(self):
        detector = Numbers(self.kind.number_of)
        make_proposals(self.annotations, self.videos, detector, self.folder / 'out.pkl', timestamp_start=0)
        return detector.seen

    def from_videos(self):
        detector = Numbers(self.kind.number_of)
        rows = [f'{name}{self.file.suffix},{second},{second},a\n' for name in 'vw' for second in self.seconds]
        (self.folder / 'labels.csv').write_text('video,start,end,label\n' + ''.join(rows))
        summary = convert_own_videos(self.folder / 'labels.csv', self.folder / 'set',
                                     self.repo / 'configs' / 'stssa_jhmdb.py', videos=self.videos, detector=detector)
        return summary, detector.seen


@pytest.mark.parametrize('kind', READ)
def test_all_give_the_same_frame(kind, hard_video, tmp_path, repo):
    asked = Asked(kind, hard_video(kind), tmp_path, repo)
    assert asked.training() == asked.expected
    assert asked.contact_sheet() == asked.expected
    assert asked.make_proposals() == asked.expected
    found, looked_at = asked.check_dataset()
    assert found == [] and [asked.kind.numbers[number] for number in looked_at] == asked.expected
    summary, seen = asked.from_videos()
    assert seen == asked.expected * 2 and summary['mended'] == []


@pytest.mark.parametrize('kind', REFUSED)
def test_all_refuse_alike_and_from_videos_mends(kind, hard_video, tmp_path, repo):
    asked = Asked(kind, hard_video(kind), tmp_path, repo)
    messages = []
    for ask in (asked.training, asked.contact_sheet, asked.make_proposals):
        with pytest.raises(BrokenVideoError) as error:
            ask()
        messages.append(str(error.value))
    assert [messages[0]] * 3 == messages and asked.check_dataset() == (messages[:1], [])
    asked.seconds = [0]
    summary, seen = asked.from_videos()
    assert seen == [asked.kind.first] * 2 and len(summary['mended']) == 2 and asked.kind.refused in summary['mended'][0]
    name = f'v{asked.file.suffix}.mp4'
    assert summary['mended'][0].startswith(f'{asked.file}: ') and name in (
        tmp_path / 'set' / 'annotations' / 'train.csv').read_text() + (
        tmp_path / 'set' / 'annotations' / 'val.csv').read_text()
    open_video(tmp_path / 'set' / 'videos' / name).check()


def test_frames_that_are_damaged_are_refused_alike(hard_video, tmp_path, repo):
    """Where the labelled frames are damaged; elsewhere the video is read."""
    data = bytearray(hard_video('mp4 mpeg4 open groups').read_bytes())
    place = data.index(b'mdat') + len(data) // 3
    data[place:place + len(data) // 4] = bytes(len(data) // 4)
    (tmp_path / 'damaged.mp4').write_bytes(data)
    asked = Asked('mp4 mpeg4 open groups', tmp_path / 'damaged.mp4', tmp_path, repo)
    assert len(asked.seconds) == 3
    for ask in (asked.training, asked.contact_sheet, asked.make_proposals):
        with pytest.raises(BrokenVideoError, match=rf'^{asked.file}: frames \d+ to \d+ cannot be decoded'):
            ask()
    assert 'cannot be decoded' in asked.check_dataset()[0][0]
    summary, _ = asked.from_videos()
    assert len(summary['mended']) == 2


def write_folder(place, count, first=1):
    """Frames that show their numbers, as pictures without loss."""
    place.mkdir(parents=True)
    for number, frame in enumerate(numbered_frames(count), first):
        cv2.imwrite(str(place / f'{number:06}.png'), np.ascontiguousarray(frame[..., ::-1]))


def folder_clips(part):
    data = STSSAAVADataset(pipeline=[STSSASampleFrames(16, 2, test_mode=True), STSSARawFrameDecode()], **part)
    return [[number_of(frame) for frame in data[index]['imgs']] for index in range(len(data))]


@pytest.mark.parametrize('template', [None, '{:06}.png'])
@pytest.mark.parametrize('first', [0, 1, 27001])
def test_a_folder_of_pictures_ends_where_its_pictures_end(tmp_path, template, first):
    """The dataset's timestamp_end says that there are more. What lies behind the last becomes the last."""
    write_folder(tmp_path / 'frames' / 'v', 60, first)
    seconds, centres = [0, 1, 1.9, 2.9], [0, 30, 57, 59]
    (tmp_path / 'a.csv').write_text(''.join(f'v,{second},.1,.5,.3,.9,1,0\n' for second in seconds))
    part = dict(ann_file=str(tmp_path / 'a.csv'), data_prefix=dict(img=str(tmp_path / 'frames')), use_frames=True,
                filename_tmpl=template, start_index=first, fps=30, timestamp_start=0, timestamp_end=1000,
                test_mode=True, num_classes=2)
    expected = [np.clip(centre + np.arange(-16, 16, 2), 0, 59).tolist() for centre in centres]
    assert folder_clips(part) == expected
    sampler = dict(type='STSSASampleFrames', clip_len=16, frame_interval=2, test_mode=True)
    pipeline = [sampler, dict(type='STSSARawFrameDecode')]
    with pytest.MonkeyPatch.context() as patch:
        asked, check = [], FrameFolder.check
        patch.setattr(FrameFolder, 'check', lambda folder, numbers: (asked.extend(numbers), check(folder, numbers)))
        findings = check_config(Config(dict(val_dataloader=dict(dataset=dict(
            part, type='STSSAAVADataset', pipeline=pipeline)))), videos=-1).findings
        assert [finding.name for finding in findings if finding.level == 'error'] == ['no proposals']
        assert {number for clip in expected for number in clip} <= set(asked) <= set(range(60))
    seen = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(contact_sheet, '_draw', lambda image, *_: (
            seen.append(number_of(image)), np.zeros((contact_sheet.HEIGHT, 9, 3), np.uint8))[1])
        contact_sheet.write_contact_sheet({'val': STSSAAVADataset(**part)}, {1: 'a'}, tmp_path / 'sheet.png')
    detector = Numbers(number_of)
    make_proposals(tmp_path / 'a.csv', tmp_path / 'frames', detector, tmp_path / 'out.pkl', timestamp_start=0)
    assert seen == detector.seen == centres

    (tmp_path / 'a.csv').write_text('v,3.1,.1,.5,.3,.9,1,0\n')
    with pytest.raises(ValueError, match='the annotated moment 3.1 is outside of the video, which has the frames 0 to '
                       '59 and starts at 0') as error:
        folder_clips(part)
    findings = check_config(Config(dict(val_dataloader=dict(dataset=dict(
        part, type='STSSAAVADataset', pipeline=pipeline)))), videos=-1).findings
    assert [finding.text for finding in findings if finding.name == 'timestamps'] == [
        f'1 of the 1 videos looked at have key frames past their end: {error.value}']


def test_with_mmaction2s_sampler_frames_behind_the_end_are_missed_by_all(tmp_path):
    """It does not ask a folder where it ends."""
    write_folder(tmp_path / 'frames' / 'v', 40)
    (tmp_path / 'a.csv').write_text('v,1,.1,.5,.3,.9,1,0\n')
    part = dict(type='STSSAAVADataset', ann_file=str(tmp_path / 'a.csv'), use_frames=True, num_classes=2,
                data_prefix=dict(img=str(tmp_path / 'frames')), fps=30, timestamp_start=0, test_mode=True, pipeline=[
                    dict(type='SampleAVAFrames', clip_len=16, frame_interval=2), dict(type='STSSARawFrameDecode')])
    init_default_scope('mmaction')
    with pytest.raises(BrokenVideoError, match='/v/0000.*: no such frame'):
        DATASETS.build(part)[0]
    findings = check_config(Config(dict(val_dataloader=dict(dataset=part))), videos=-1).findings
    assert 'unreadable video' in [finding.name for finding in findings]


@pytest.mark.parametrize(('change', 'message'), [
    (lambda folder: folder.write_text('a file'), 'it is a file, and a folder of frames is expected here'),
    (lambda folder: folder.symlink_to(folder), r'the folder of frames cannot be read \('),
    (lambda folder: (folder / 'img_00001.jpg').mkdir(parents=True), r'img_00001\.jpg: it cannot be read \(')])
def test_a_folder_that_cannot_be_read_is_refused_alike(tmp_path, change, message):
    (tmp_path / 'frames').mkdir()
    change(tmp_path / 'frames' / 'v')
    (tmp_path / 'a.csv').write_text('v,0,.1,.5,.3,.9,1,0\n')
    part = dict(ann_file=str(tmp_path / 'a.csv'), data_prefix=dict(img=str(tmp_path / 'frames')), use_frames=True,
                fps=30, timestamp_start=0, test_mode=True, num_classes=2)
    with pytest.raises(BrokenVideoError, match=rf'^{tmp_path}/frames/v[^\n]*{message}[^\n]*$') as error:
        folder_clips(part)
    cfg = Config(dict(val_dataloader=dict(dataset=dict(part, type='STSSAAVADataset', pipeline=[]))))
    assert str(error.value) in [finding.text for finding in check_config(cfg, videos=-1).findings]
