"""What the pages in Markdown say of the repository."""
import re

import pytest
from conftest import REPO

from stssa_mm.runs.ablation import PAPER

PAGES = sorted(path for folder in ('.', 'configs', 'data', 'docs', 'results') for path in (REPO / folder).glob('*.md'))


@pytest.mark.parametrize('page', PAGES, ids=lambda path: str(path.relative_to(REPO)))
def test_links_lead_to_files(page):
    targets = re.findall(r'\]\(([^)#\s]+)', page.read_text())
    broken = [target for target in targets if '://' not in target and not (page.parent / target).exists()]
    assert not broken


def test_table_2_is_that_of_the_ablation():
    rows = re.findall(r'^\| [1-6] \| (.+?) \| `(?:ablation/)?(\w[\w-]*)\.py`', (REPO / 'docs' / 'paper.md').read_text(),
                      re.MULTILINE)
    printed = {name: cells.split(' | ') for cells, name in rows}
    assert printed == {name: [*map(str, setting), str(mean_ap)] for name, (setting, mean_ap) in PAPER.items()}
