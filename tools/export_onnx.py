"""Write a trained detector as an ONNX file that runs without torch.

    python tools/export_onnx.py configs/stssa_toy.py work_dirs/stssa_toy/epoch_30.pth --out toy.onnx --verify

Its metadata hold the classes and what is done to the frames; `stssa_mm.apis.onnx_model.ONNXModel` reads them. Needs
`pip install stssa-mm[export]`.
"""
import argparse
import json
import sys
from pathlib import Path

from mmengine.config import Config

from stssa_mm.apis.export_onnx import export_onnx, verify_onnx

LARGEST = 1e-4  # difference between PyTorch and ONNX Runtime


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', type=Path, help='of the detector')
    parser.add_argument('checkpoint', type=Path, help='its weights')
    parser.add_argument('--out', type=Path, required=True, metavar='M.onnx', help='the file to write')
    parser.add_argument('--size', type=int, nargs=2, metavar=('HEIGHT', 'WIDTH'),
                        help='of all clips (default: any; a detector with region proposals needs one)')
    parser.add_argument('--verify', action='store_true',
                        help=f'compare with PyTorch on random clips; fails above a difference of {LARGEST:g}')
    args = parser.parse_args()
    try:
        cfg = Config.fromfile(args.config)
        export_onnx(cfg, args.checkpoint, args.out, args.size and tuple(args.size))
        report = dict(file=str(args.out), mb=round(args.out.stat().st_size / 2**20, 1))
        if args.verify:
            report.update(verify_onnx(cfg, args.checkpoint, args.out))
    except (OSError, ValueError) as error:
        sys.exit(f'export_onnx.py: {error}')
    print(json.dumps(report))
    if report.get('max_difference', 0) > LARGEST:
        sys.exit(f'export_onnx.py: {args.out}: scores differ from PyTorch by {report["max_difference"]:g}: expected '
                 f'{LARGEST:g} at most')


if __name__ == '__main__':
    main()
