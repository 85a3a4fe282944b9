"""Videos: what is in a file, which frame is shown when, the frames, and writing.

Frame i is the i-th that a player shows. Training, checks, converters, proposals and pictures all ask here. No torch.
"""
