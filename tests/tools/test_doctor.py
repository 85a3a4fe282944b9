import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

DOCTOR = Path(__file__).resolve().parents[2] / 'tools' / 'doctor.py'


def ask(*options):
    return subprocess.run([sys.executable, *options, str(DOCTOR)], capture_output=True, text=True)


@pytest.fixture
def doctor(monkeypatch):
    """tools/doctor.py with an environment whose trials and troubles are empty."""
    spec = importlib.util.spec_from_file_location('doctor', DOCTOR)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    environment = module.load_environment()
    monkeypatch.setattr(environment, 'TRAINING', ())
    monkeypatch.setattr(environment, 'KNOWN_TROUBLES', ())
    monkeypatch.setattr(environment, 'try_out', lambda: [('a trial', 'works', None)])
    monkeypatch.setattr(module, 'load_environment', lambda: environment)
    monkeypatch.setattr(sys, 'argv', ['doctor.py'])
    module.environment = environment
    return module


def test_without_any_package_it_does_not_crash():
    """-S hides every site-packages."""
    process = ask('-S')
    assert process.returncode == 1 and process.stderr == ''
    lines = process.stdout.strip().split('\n')
    faults = [line for line in lines if line.startswith('fault:')]
    assert lines[-1] == f'Training cannot start: {len(faults)} faults above.'
    assert all('Remedy: ' in fault for fault in faults)
    for package in ('torch', 'mmengine', 'mmcv', 'mmdet', 'mmaction2', 'numpy', 'av', 'openmim'):
        assert sum(f'{package} is not installed' in fault for fault in faults) == 1
    assert len(lines) < 50


def test_here_it_fits_one_screen_and_names_the_work_arounds():
    process = ask()
    lines = process.stdout.strip().split('\n')
    assert process.stderr == '' and len(lines) < 50
    assert 'RoIAlign, nms' in process.stdout and 'missing_drn_localizer' in process.stdout
    assert (process.returncode, lines[-1]) == (0, 'Training can start.')


def test_nothing_wrong(doctor, capsys):
    assert doctor.main() == 0
    out = capsys.readouterr().out
    assert out.endswith('\nTraining can start.\n') and 'NOT OK' not in out


def test_note_does_not_stop_training(doctor, capsys):
    note = doctor.environment.Problem('the disk is small', 'buy one', stops=False)
    doctor.environment.known_troubles = lambda: [note]
    assert doctor.main() == 0
    assert 'note:  the disk is small. Remedy: buy one\nTraining can start.\n' in capsys.readouterr().out


def test_failed_trial_stops_training(doctor, capsys):
    problem = doctor.environment.Problem('nms fails', 'compile mmcv')
    doctor.environment.try_out = lambda: [('nms', 'fails: RuntimeError', problem)]
    assert doctor.main() == 1
    assert capsys.readouterr().out.endswith('fault: nms fails. Remedy: compile mmcv\n'
                                            'Training cannot start: 1 fault above.\n')


def test_wrong_version_stops_training_and_is_marked_in_the_table(doctor, capsys):
    doctor.environment.STACK = (doctor.environment.Need('numpy', '0', '1', 'pip install "numpy<1"'),)
    assert doctor.main() == 1
    out = capsys.readouterr().out
    assert 'NOT OK' in out and 'Remedy: pip install "numpy<1"' in out
