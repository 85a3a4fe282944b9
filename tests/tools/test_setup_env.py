import fcntl
import importlib.util
import sys
import threading
from pathlib import Path

import pytest

SETUP = Path(__file__).resolve().parents[2] / 'tools' / 'setup_env.py'


@pytest.fixture
def setup_env(tmp_path, monkeypatch):
    """tools/setup_env.py for a small repository, able neither to run a program nor to write a wheel."""
    spec = importlib.util.spec_from_file_location('setup_env', SETUP)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    requirements = tmp_path / 'requirements'
    requirements.mkdir()
    (requirements / 'runtime.txt').write_text('addict\n')
    (requirements / 'constraints.txt').write_text('# mmcv==9.9\nmmcv-full==1.7.0\nmmcv==2.1.0\nnumpy==1.26.4\n')
    (tmp_path / 'setup.cfg').write_text('[metadata]\n')
    (tmp_path / 'pyproject.toml').write_text('[tool.ruff]\n')
    monkeypatch.setattr(module, 'REPO', tmp_path)
    monkeypatch.setattr(module, 'REQUIREMENTS', requirements)
    monkeypatch.setattr(module, 'CONSTRAINTS', requirements / 'constraints.txt')

    def refuse(*args, **kwargs):
        raise AssertionError(f'ran {args}')

    for name in ('run', 'Popen', 'call', 'check_call', 'check_output'):
        monkeypatch.setattr(module.subprocess, name, refuse)
    return module


@pytest.mark.parametrize('file', ['requirements/runtime.txt', 'requirements/constraints.txt', 'setup.cfg',
                                  'pyproject.toml'])
def test_hash_changes_with_every_file_that_decides_what_is_installed(setup_env, file):
    before = setup_env.requirements_hash()
    assert setup_env.requirements_hash() == before
    path = setup_env.REPO / file
    path.write_text(path.read_text() + '# changed\n')
    assert setup_env.requirements_hash() != before


def test_hash_changes_with_a_new_requirements_file_and_with_python(setup_env, monkeypatch):
    hashes = {setup_env.requirements_hash()}
    (setup_env.REQUIREMENTS / 'more.txt').write_text('scipy\n')
    hashes.add(setup_env.requirements_hash())
    monkeypatch.setattr(sys, 'version', '3.99.0')
    hashes.add(setup_env.requirements_hash())
    assert len(hashes) == 3


def test_hash_ignores_other_files(setup_env):
    before = setup_env.requirements_hash()
    (setup_env.REPO / 'README.md').write_text('words')
    assert setup_env.requirements_hash() == before


def test_pinned_takes_the_whole_name_and_no_comment(setup_env):
    assert setup_env.pinned('mmcv') == '2.1.0' and setup_env.pinned('numpy') == '1.26.4'


def test_openmmlab_packages_are_pinned_and_agree_with_what_the_package_needs(monkeypatch):
    spec = importlib.util.spec_from_file_location('setup_env', SETUP)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    path = module.REPO / 'stssa_mm' / 'environment.py'
    spec = importlib.util.spec_from_file_location('environment_of_setup', path)
    environment = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, environment)
    spec.loader.exec_module(environment)
    for need in environment.STACK + environment.TRAINING:
        assert need.met_by(module.pinned(need.package.replace('_', '-'))), need.package
    assert environment.PYTHONS == module.PYTHONS


def test_stamp_of_the_same_requirements_ends_at_once(setup_env, tmp_path, capsys):
    venv = tmp_path / 'venv'
    venv.mkdir()
    (venv / setup_env.STAMP).write_text(setup_env.requirements_hash())
    setup_env.set_up(venv, tmp_path / 'cache')
    assert capsys.readouterr().out == '' and not (tmp_path / 'cache').exists()


def test_stamp_of_other_requirements_sets_up_again(setup_env, tmp_path):
    venv = tmp_path / 'venv'
    venv.mkdir()
    (venv / setup_env.STAMP).write_text('old')
    with pytest.raises(AssertionError, match='ran'):
        setup_env.set_up(venv, tmp_path / 'cache')
    assert (venv / setup_env.STAMP).read_text() == 'old'


@pytest.mark.parametrize('version', [(3, 8, 18), (3, 13, 0)])
def test_unsupported_python_is_one_line_with_the_remedy(setup_env, tmp_path, monkeypatch, version):
    monkeypatch.setattr(sys, 'version_info', version)
    monkeypatch.setattr(sys, 'version', '.'.join(map(str, version)) + ' (main)')
    with pytest.raises(SystemExit) as stop:
        setup_env.set_up(tmp_path / 'venv', tmp_path / 'cache')
    message = stop.value.code
    assert f'Python {version[0]}.{version[1]}' in message and 'make PYTHON=' in message and '\n' not in message
    assert not (tmp_path / 'cache').exists()


def test_second_set_up_says_that_it_waits_and_then_goes_on(setup_env, tmp_path, capsys):
    done = threading.Event()

    def second():
        with setup_env.locked(tmp_path):
            done.set()

    with open(tmp_path / '.lock', 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        thread = threading.Thread(target=second, daemon=True)
        thread.start()
        assert not done.wait(0.3)
    assert done.wait(10)
    thread.join(10)
    assert f'another set-up is writing to {tmp_path}: waiting for it' in capsys.readouterr().out


def test_first_set_up_does_not_wait(setup_env, tmp_path, capsys):
    with setup_env.locked(tmp_path / 'new'):
        pass
    assert capsys.readouterr().out == ''


def test_missing_compiler_is_said_before_anything_is_fetched(setup_env, tmp_path, monkeypatch):
    monkeypatch.setenv('PATH', str(tmp_path))
    with pytest.raises(SystemExit, match='No C\\+\\+ compiler found'):
        setup_env.build_mmcv('python', tmp_path / 'mmcv', tmp_path / 'log')


def test_mmcv_is_not_compiled_twice(setup_env, tmp_path):
    (tmp_path / 'mmcv-2.1.0-cp311-cp311-linux_x86_64.whl').touch()
    setup_env.build_mmcv('python', tmp_path, tmp_path / 'log')


def test_failed_command_shows_the_end_of_its_output(tmp_path, capsys):
    spec = importlib.util.spec_from_file_location('setup_env', SETUP)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with pytest.raises(SystemExit) as stop:
        module.run([sys.executable, '-c', 'print("cause"); raise SystemExit(3)'], tmp_path / 'log')
    assert 'cause' in stop.value.code and str(tmp_path / 'log') in stop.value.code
