"""Write docs/broken-inputs.md: what MMAction2 does with each broken input, and what this package says; both are run."""
import contextlib
import io
import logging
import re
import tempfile
from pathlib import Path

from cases import CASES, ours, theirs

HEAD = '''# Broken inputs

What is wrong, what MMAction2 1.2.0 does with it, and what `stssa_mm` says. Written by
`python tests/broken_inputs/make_table.py`, which runs both.

| input | what is wrong | MMAction2 | stssa_mm |
|---|---|---|---|
'''


def outcome(read, case):
    """What comes of reading a case: the error, without the folder."""
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        try:
            read(case, Path(folder))
        except Exception as error:  # whatever it is, it is the answer
            lines = str(error).strip().splitlines() or ['']
            line = lines[-1 if 'Error' in lines[-1] else 0]
            line = re.sub(r'\[\d\d:\d\d:\d\d\] ', '', line)  # decord's clock
            line = line[:300].replace(f'{folder}/', '').replace(str(Path.cwd()), '.').replace('|', '\\|')
            return f'{type(error).__name__}: {line}'
    return 'reads it'


def main():
    logging.disable(logging.CRITICAL)
    rows = []
    for case in CASES:
        said = outcome(ours, case).partition(': ')[2]
        rows.append(f'| {case.file or "arguments"} | {case.fault} | {outcome(theirs, case)} | {said} |\n')
    out = Path(__file__).parents[2] / 'docs' / 'broken-inputs.md'
    out.write_text(HEAD + ''.join(rows))
    print(f'written: {out}')


if __name__ == '__main__':
    main()
