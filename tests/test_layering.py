"""Who may import what: read off the syntax trees."""
import ast
import sys

import pytest
from conftest import REPO

PACKAGE = REPO / 'stssa_mm'


def imports_of(file):
    """Absolute names of the modules that a file imports, those of this package written out."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parent = list(file.relative_to(REPO).with_suffix('').parts[:-node.level]) if node.level else []
            names.add('.'.join([*parent, node.module] if node.module else parent))
    return names


def outside(file, *allowed):
    """Imports of a file that are neither Python's own nor below one of the allowed names."""
    return {name for name in imports_of(file) if name.split('.')[0] not in sys.stdlib_module_names
            and not any(name == prefix or name.startswith(f'{prefix}.') for prefix in allowed)}


def files(folder, *names):
    found = [PACKAGE / folder / f'{name}.py' for name in names] or sorted((PACKAGE / folder).rglob('*.py'))
    assert found and all(file.is_file() for file in found)
    return found


@pytest.mark.parametrize('file', files('models/layers'), ids=lambda file: file.stem)
def test_layers_import_torch_only(file):
    assert not outside(file, 'torch', 'stssa_mm.models.layers')


@pytest.mark.parametrize(
    'file', files('evaluation', 'best_f1', 'comparison', 'frame_map', 'result', 'tubes', 'video_map'),
    ids=lambda file: file.stem)
def test_computation_of_ap_imports_numpy_only(file):
    assert not outside(file, 'numpy', 'stssa_mm.evaluation', 'stssa_mm.files.whole_file')


@pytest.mark.parametrize('file', files('files'), ids=lambda file: file.stem)
def test_formats_of_files_need_no_torch(file):
    assert not outside(file, 'numpy', 'pandas', 'supervision', 'stssa_mm.files')


@pytest.mark.parametrize('file', files('apis', '__init__', 'events'), ids=lambda file: file.stem)
def test_results_need_no_torch(file):
    assert not outside(file, 'numpy', 'stssa_mm.files', 'stssa_mm.apis')


@pytest.mark.parametrize('file', files('video'), ids=lambda file: file.stem)
def test_video_knows_of_videos_only(file):
    assert not outside(file, 'av', 'cv2', 'numpy', 'imageio_ffmpeg', 'stssa_mm.video', 'stssa_mm.files.whole_file')


def test_arrows_never_go_back():
    order = (('files', 'video'), ('people', 'converters'), ('datasets', ), ('models', ), ('evaluation', ), ('checks', ),
             ('runs', ), ('visualization', ), ('apis', ))
    later = {folder: [name for names in order[place + 1:] for name in names]
             for place, folders in enumerate(order) for folder in folders}
    for folder, forbidden in later.items():
        for file in (PACKAGE / folder).rglob('*.py'):
            wrong = {name for name in imports_of(file) if name.startswith(tuple(f'stssa_mm.{x}' for x in forbidden))}
            assert not wrong, (file, wrong)


def test_only_compat_mends_upstream_modules():
    """No other file assigns to an attribute of an imported module."""
    for file in PACKAGE.rglob('*.py'):
        tree = ast.parse(file.read_text())
        modules = {alias.asname or alias.name.split('.')[0] for node in ast.walk(tree)
                   if isinstance(node, ast.Import) for alias in node.names}
        mended = [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Assign) for target in node.targets
                  if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name)
                  and target.value.id in modules]
        assert not mended or file.name == 'compat.py', (file, mended)


def test_no_picture_changes_the_backend_of_a_notebook():
    for file in PACKAGE.rglob('*.py'):
        assert 'matplotlib.pyplot' not in imports_of(file), file
        assert 'matplotlib.use(' not in file.read_text(), file
