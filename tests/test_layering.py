"""Who may import what: read off the syntax trees."""
import ast
import sys

import pytest
from conftest import REPO

PACKAGE = REPO / 'stssa_mm'
# Which folders and modules of the package a folder may import, beside itself.
MAY_IMPORT = {
    'files': (),
    'video': ('files', ),
    'people': ('files', 'video', 'registry', 'evaluation.boxes'),
    'converters': ('files', 'video', 'people'),
    'datasets': ('files', 'video', 'registry'),
    'models': ('registry', 'files.map_cache'),
    'engine': ('registry', ),
    'evaluation': ('files', 'registry'),
    'checks': ('files', 'video', 'datasets', 'evaluation'),
    'runs': ('files', 'models', 'evaluation'),
    'visualization': ('files', 'video', 'registry', 'datasets', 'models', 'evaluation', 'runs'),
    'apis': ('files', 'video', 'people', 'registry', 'datasets', 'models', 'evaluation', 'visualization'),
}


def imports_of(file):
    """Absolute names of the modules that a file imports, those of this package written out."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parent = list(file.relative_to(REPO).with_suffix('').parts[:-node.level]) if node.level else []
            names |= ({'.'.join([*parent, node.module])} if node.module else
                      {'.'.join([*parent, alias.name]) for alias in node.names})
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


@pytest.mark.parametrize('file', files('evaluation', 'average_precision', 'boxes', 'chance', 'official_order'),
                         ids=lambda file: file.stem)
def test_average_precision_and_boxes_import_numpy_only(file):
    assert not outside(file, 'numpy')


@pytest.mark.parametrize(
    'file', files('evaluation', 'best_f1', 'comparison', 'frame_map', 'result', 'tubes', 'video_map'),
    ids=lambda file: file.stem)
def test_computation_of_ap_imports_numpy_and_its_own_files_only(file):
    assert not outside(file, 'numpy', 'stssa_mm.evaluation', 'stssa_mm.files')


@pytest.mark.parametrize('file', files('files'), ids=lambda file: file.stem)
def test_formats_of_files_need_no_torch(file):
    assert not outside(file, 'numpy', 'pandas', 'supervision', 'stssa_mm.files')


@pytest.mark.parametrize('file', files('apis', '__init__', 'events'), ids=lambda file: file.stem)
def test_results_need_no_torch(file):
    assert not outside(file, 'numpy', 'stssa_mm.files', 'stssa_mm.apis')


@pytest.mark.parametrize('file', files('video'), ids=lambda file: file.stem)
def test_video_knows_of_videos_only(file):
    assert not outside(file, 'av', 'cv2', 'numpy', 'PIL', 'imageio_ffmpeg', 'stssa_mm.video',
                       'stssa_mm.files.whole_file')


@pytest.mark.parametrize('folder', MAY_IMPORT)
def test_arrows_never_go_back(folder):
    for file in (PACKAGE / folder).rglob('*.py'):
        allowed = [f'stssa_mm.{name}' for name in (folder, *MAY_IMPORT[folder])]
        wrong = {name for name in outside(file, *allowed) if name.split('.')[0] == 'stssa_mm'}
        assert not wrong, (file, wrong)


def test_every_folder_has_its_place():
    folders = {file.parent.name for file in PACKAGE.glob('*/*.py')}
    assert folders <= MAY_IMPORT.keys()


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


def test_only_the_dataset_itself_is_a_subclass_of_a_dataset():
    """What another caller needs of the dataset is an option of it."""
    for file in PACKAGE.rglob('*.py'):
        bases = [ast.unparse(base) for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.ClassDef)
                 for base in node.bases]
        assert not any(base.endswith('AVADataset') for base in bases) or file.name == 'ava_dataset.py', file


def test_no_picture_changes_the_backend_of_a_notebook():
    for file in PACKAGE.rglob('*.py'):
        assert 'matplotlib.pyplot' not in imports_of(file), file
        assert 'matplotlib.use(' not in file.read_text(), file
