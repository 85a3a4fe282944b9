"""Small videos, and a detector that finds their squares."""
import numpy as np

from stssa_mm.video.writer import write_video

SIZE = 64


def write_squares(file, lefts, frames=20, fps=10):
    """A black video of 64 x 64 pixels with a white square of 16 pixels at each of ``lefts``, which moves a pixel a
    frame."""
    def images():
        for frame in range(frames):
            image = np.zeros((SIZE, SIZE, 3), np.uint8)
            for left in lefts:
                image[24:40, left + frame:left + frame + 16] = 255
            yield image

    write_video(file, images(), fps)
    return file


class Squares:
    """Finds the white squares of a frame, and counts its calls and frames."""

    name = 'squares'

    def __init__(self):
        self.calls, self.frames = 0, 0

    def __call__(self, frames):
        self.calls += 1
        self.frames += len(frames)
        return [self.find(frame) for frame in frames]

    @staticmethod
    def find(frame):
        bright = np.concatenate([[False], frame[32, :, 0] > 128, [False]])
        starts, = np.nonzero(bright[1:] & ~bright[:-1])
        ends, = np.nonzero(~bright[1:] & bright[:-1])
        height, width = frame.shape[:2]
        boxes = [[x1 / width, 24 / height, x2 / width, 40 / height, .8] for x1, x2 in zip(starts, ends) if x2 - x1 > 8]
        return np.array(boxes).reshape(-1, 5)
