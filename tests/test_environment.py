import os
import signal
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import stssa_mm
from stssa_mm import environment
from stssa_mm.environment import Need, Problem

REPO = Path(stssa_mm.__file__).resolve().parents[1]
SITE = Path(sysconfig.get_path('purelib'))


def link_all(source, folder, hidden=()):
    """Make ``folder`` with a link to every entry of ``source`` whose name starts with none of ``hidden``."""
    folder.mkdir()
    for entry in source.iterdir():
        if not entry.name.startswith(tuple(hidden)):
            (folder / entry.name).symlink_to(entry)
    return folder


def add_metadata(site, name, version):
    folder = site / f'{name}-{version}.dist-info'
    folder.mkdir()
    (folder / 'METADATA').write_text(f'Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n')


def import_package(site):
    """Last line of stderr of a process that imports stssa_mm with ``site`` for its only site-packages."""
    env = dict(os.environ, PYTHONPATH=f'{site}{os.pathsep}{REPO}')
    process = subprocess.run([sys.executable, '-S', '-c', 'import stssa_mm'], env=env, capture_output=True, text=True)
    assert process.returncode == 1, process.stderr
    return process.stderr.strip().split('\n')[-1]


# Stacks that are broken for real, each imported by a process of its own.


def test_import_without_mmdet_names_it_and_the_remedy(tmp_path):
    assert import_package(link_all(SITE, tmp_path / 'site', ['mmdet'])) == (
        'ImportError: stssa_mm cannot work here: mmdet is not installed (needed: 3.3 or newer, older than 3.4). '
        'Remedy: pip install --no-deps mmdet==3.3.0')


@pytest.mark.parametrize('name, version, reason', [
    ('mmcv', '2.2.0', 'refuse 2.2'), ('numpy', '2.1.0', 'np.NAN'), ('mmengine', '0.11.0rc2', '_base_'),
    ('mmengine', '0.11rc2', '_base_'), ('mmcv', '2.0.1', 'needed: 2.1'), ('torch', '1.13.1+cu117', 'needed: 2.1')])
def test_import_with_a_version_that_does_not_work(tmp_path, name, version, reason):
    site = link_all(SITE, tmp_path / 'site', [f'{name}-'])
    add_metadata(site, name, version)
    line = import_package(site)
    assert line.startswith(f'ImportError: stssa_mm cannot work here: {name} {version} does not work here (needed: ')
    assert reason in line and 'Remedy: ' in line


def test_import_with_mmcv_lite_says_so_and_not_that_mmcv_is_missing(tmp_path):
    site = link_all(SITE, tmp_path / 'site', ['mmcv-'])
    add_metadata(site, 'mmcv_lite', '2.1.0')
    line = import_package(site)
    assert line.startswith('ImportError: stssa_mm cannot work here: mmcv-lite 2.1.0 is installed, which has no ops. ')
    assert 'pip uninstall -y mmcv mmcv-lite' in line and '(1 more: run tools/doctor.py)' in line


def test_import_with_mmcv_that_has_no_ops(tmp_path):
    site = link_all(SITE, tmp_path / 'site', ['mmcv'])
    link_all(SITE / 'mmcv', site / 'mmcv', ['_ext'])
    add_metadata(site, 'mmcv', '2.1.0')
    line = import_package(site)
    assert 'mmcv has no compiled ops (No module named' in line and 'Remedy: pip uninstall -y mmcv' in line


def test_this_stack_works():
    environment.require_stack()


# Parts.


@pytest.mark.parametrize('version, numbers', [
    ('2.13.0+cpu', (2, 13, 0)), ('2.1', (2, 1)), ('0.11.0rc1', (0, 11, 0)), ('0.11rc1', (0, 11)), ('3', (3,)),
    ('2.0.0.post1', (2, 0, 0)), ('unknown', ())])
def test_version_tuple(version, numbers):
    assert environment.version_tuple(version) == numbers


@pytest.mark.parametrize('version, works', [
    ('2.0.9', False), ('2.1', True), ('2.1.0', True), ('2.1.99', True), ('2.2.0rc1', False), ('2.10', False)])
def test_need_is_met_from_the_oldest_up_to_the_first_unsupported(version, works):
    assert Need('mmcv', '2.1', '2.2', '').met_by(version) is works


def test_need_without_an_upper_bound():
    assert Need('torch', '2.0', None, '').met_by('99.0') and str(Need('torch', '2.0', None, '')) == '2.0 or newer'


@pytest.mark.parametrize('library', ['libGL.so.1', 'libgthread-2.0.so.0'])
def test_missing_library_of_the_desktop_is_not_blamed_on_mmcv(library):
    error = ImportError(f'{library}: cannot open shared object file: No such file or directory')
    problem = environment.import_problem('mmcv has no compiled ops', error, environment.REMAKE_MMCV)
    assert problem.what.startswith('cv2 misses a library') and 'opencv-python-headless' in problem.remedy


def test_problem_of_several_lines_becomes_one():
    assert '\n' not in str(environment.import_problem('it fails', ImportError('first\n  second'), 'nothing'))


# Known troubles, with metadata that is really found on sys.path.


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder that comes before every other on sys.path."""
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def test_two_copies_of_cv2_are_found_and_do_not_stop(site):
    for name in ('opencv_python', 'opencv_python_headless'):
        add_metadata(site, name, '4.10.0')
    problem = environment.two_copies_of_cv2()
    assert not problem.stops and 'opencv-python 4.10.0 and opencv-python-headless 4.10.0' in problem.what


def test_one_copy_of_cv2_is_no_trouble(monkeypatch):
    monkeypatch.setattr(environment, 'OPENCV', ('opencv-python-headless',))
    assert environment.two_copies_of_cv2() is None


@pytest.mark.parametrize('direct_url, words', [
    ('{"url": "file:///src", "dir_info": {"editable": true}}', 'is installed editable'), (None, 'has no folder .mim')])
def test_mmaction2_without_the_folder_that_mim_reads(site, direct_url, words):
    add_metadata(site, 'mmaction2', '1.2.0')
    if direct_url:
        (site / 'mmaction2-1.2.0.dist-info' / 'direct_url.json').write_text(direct_url)
    problem = environment.mmaction2_editable()
    assert problem.stops and words in problem.what


def test_mmaction2_with_the_folder_that_mim_reads(site):
    add_metadata(site, 'mmaction2', '1.2.0')
    script = site / 'mmaction' / '.mim' / 'tools' / 'train.py'
    script.parent.mkdir(parents=True)
    script.touch()
    assert environment.mmaction2_editable() is None


def test_pkg_resources_missing(monkeypatch):
    monkeypatch.setattr(sys, 'path', [])
    monkeypatch.delitem(sys.modules, 'pkg_resources', raising=False)
    monkeypatch.setattr(sys, 'path_importer_cache', {})
    assert 'setuptools<81' in environment.pkg_resources_missing().remedy


def executable(path):
    path.parent.mkdir(exist_ok=True)
    path.touch()
    path.chmod(0o755)
    return str(path)


def test_mim_on_path_or_only_beside_python_or_of_another_python(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, 'executable', executable(tmp_path / 'own' / 'python'))
    executable(tmp_path / 'own' / 'mim')
    executable(tmp_path / 'other' / 'mim')
    monkeypatch.setenv('PATH', str(tmp_path / 'own'))
    assert environment.mim_not_on_path() is None
    monkeypatch.setenv('PATH', str(tmp_path))
    problem = environment.mim_not_on_path()
    assert not problem.stops and str(tmp_path / 'own' / 'mim') in problem.remedy
    monkeypatch.setenv('PATH', str(tmp_path / 'other'))
    assert 'another Python' in environment.mim_not_on_path().what


def test_mim_nowhere_stops(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, 'executable', str(tmp_path / 'python'))
    monkeypatch.setenv('PATH', str(tmp_path))
    assert environment.mim_not_on_path().stops


def test_compiler_is_asked_for_only_where_mmcv_is_missing(tmp_path, monkeypatch):
    monkeypatch.setenv('PATH', str(tmp_path))
    assert environment.no_compiler_for_mmcv() is None
    monkeypatch.setattr(environment, 'installed_version', {}.get)
    assert 'g++' in environment.no_compiler_for_mmcv().remedy


def test_small_shared_memory_and_little_disk_are_notes(tmp_path):
    for check in (environment.small_shared_memory, environment.little_disk):
        assert check(tmp_path, least=1) is None
        problem = check(tmp_path, least=1 << 60)
        assert not problem.stops and 'MB free' in problem.what
    assert environment.small_shared_memory(tmp_path / 'none') is None


def test_unsupported_python(monkeypatch):
    assert environment.python_version() is None
    for version in ((3, 8), (3, 13)):
        monkeypatch.setattr(sys, 'version_info', (*version, 0))
        assert environment.python_version().stops


# Trials.


def works():
    return 'it works'


def dies():
    os.kill(os.getpid(), signal.SIGKILL)


def raises():
    raise OSError('libcudart.so: cannot open shared object file')


def misses_torch():
    raise ModuleNotFoundError("No module named 'torch'", name='torch')


def prints():
    os.write(2, b'noise of a library\n')
    return ''


def test_trial_that_kills_its_process_is_a_finding_and_the_next_one_still_runs():
    found = list(environment.try_out([(dies, 'remake it'), (works, ''), (raises, 'get CUDA')]))
    assert [name for name, _, _ in found] == ['dies', 'works', 'raises']
    assert found[0][2].stops and 'died' in found[0][2].what and found[0][2].remedy == 'remake it'
    assert found[1][1:] == ('it works', None)
    assert found[2][1] == 'fails: OSError' and 'libcudart' in found[2][2].what


def test_trial_that_misses_a_package_is_told_once(monkeypatch):
    assert next(environment.try_out([(misses_torch, '')]))[2] is not None  # torch is installed and yet not importable
    monkeypatch.setattr(environment, 'installed_version', {}.get)
    assert next(environment.try_out([(misses_torch, '')]))[1:] == ('fails: ModuleNotFoundError', None)


def test_trials_do_not_write_on_the_screen(capfd):
    list(environment.try_out([(prints, '')]))
    assert capfd.readouterr() == ('', '')


@pytest.mark.parametrize('trial', [environment.cv2_resizes, environment.av_decodes, environment.mmcv_ops_on_cpu,
                                   environment.torch_devices, environment.mmcv_ops_on_cuda])
def test_trials_pass_here(trial):
    assert trial()


def test_trial_of_ops_sees_wrong_results(monkeypatch):
    import mmcv.ops
    import torch
    monkeypatch.setattr(mmcv.ops, 'nms', lambda boxes, *_: (boxes, torch.arange(3)))
    with pytest.raises(AssertionError, match='nms kept'):
        environment.mmcv_ops_on_cpu()


def test_every_known_trouble_gives_a_problem_or_none():
    assert all(isinstance(problem, Problem) for problem in environment.known_troubles())
