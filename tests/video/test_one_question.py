"""Which frame is at this second? Training, check_dataset, the contact sheet, make_proposals and from_videos are asked
the same of every kind of video, and give the same frame, or the same refusal."""
import shutil

import numpy as np
import pytest
from hard_videos import KINDS
from mmengine.config import Config

from stssa_mm.datasets import STSSAAVADataset
from stssa_mm.datasets.converters.own_videos import convert_own_videos
from stssa_mm.datasets.proposals import make_proposals
from stssa_mm.datasets.transforms import STSSASampleFrames, STSSAVideoDecode, STSSAVideoInit
from stssa_mm.evaluation.dataset_checks import check_config
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
