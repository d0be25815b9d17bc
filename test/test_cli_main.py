from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dcfm_ros.cli import checkpoints
from dcfm_ros.cli import main as cli
from dcfm_ros.cli.packages import how_to_get
from dcfm_ros.errors import DcfmError

CHECKOUT = Path(__file__).resolve().parents[1]


@pytest.fixture
def inspect_does(monkeypatch):
    """Lets the verb `inspect` do something else."""

    def replace(action):
        monkeypatch.setattr(checkpoints, "_inspect", action)
        return cli.main(["inspect"])

    return replace


def raises(error):
    def run(args):
        raise error

    return run


@pytest.mark.parametrize("verb", cli.VERBS)
def test_every_verb_explains_itself(verb, capsys):
    with pytest.raises(SystemExit) as end:
        cli.main([verb, "--help"])
    assert end.value.code == 0
    assert f"dcfm {verb}" in capsys.readouterr().out


def test_a_wrong_verb_lists_the_right_ones(capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(["evalute"])
    assert end.value.code == 2
    assert "choose from" in capsys.readouterr().err


def test_help_loads_nothing_heavy():
    code = (
        "import sys; from dcfm_ros.cli.main import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "print([m for m in ('torch', 'cv2', 'rclpy', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_errors_are_one_line_on_stderr(inspect_does, capsys):
    assert inspect_does(raises(DcfmError("found that, expected this"))) == 2
    captured = capsys.readouterr()
    assert captured.err == "error: found that, expected this\n"
    assert captured.out == ""


def test_ctrl_c_is_130(inspect_does, capsys):
    assert inspect_does(raises(KeyboardInterrupt())) == 130
    assert capsys.readouterr().err == "interrupted\n"


@pytest.mark.parametrize(
    ("module", "advice"),
    [
        ("rclpy", "source the setup.bash"),
        ("sensor_msgs.msg", "source the setup.bash"),
        ("vision_msgs", "colcon build"),
        ("dcfm_ros.msg", "pip install ."),
        ("matplotlib.figure", "pip install matplotlib"),
        ("cv2", "pip install opencv-python-headless"),
    ],
)
def test_a_missing_package_comes_with_the_way_to_get_it(inspect_does, capsys, module, advice):
    assert inspect_does(raises(ModuleNotFoundError(f"No module named {module}", name=module))) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: dcfm inspect needs {module}, which is not installed: ")
    assert advice in error


def test_a_module_of_our_own_that_is_missing_is_a_bug(inspect_does):
    assert how_to_get("dcfm_ros.cli.nothing") == ""
    with pytest.raises(ModuleNotFoundError):
        inspect_does(raises(ModuleNotFoundError("…", name="dcfm_ros.cli.nothing")))


def test_a_reader_that_leaves_early_is_no_error():
    """As in `dcfm inspect | head -1`, with nobody at the pipe's other end."""
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "dcfm_ros.cli", "doctor"],
        cwd=CHECKOUT,
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=200,
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


def test_sigterm_is_as_ctrl_c(inspect_does):
    def end_itself(args):
        os.kill(os.getpid(), 15)
        raise AssertionError("the signal did not interrupt")

    assert inspect_does(end_itself) == 130


def test_an_interrupt_amid_an_import_is_130_below_python_m(tmp_path):
    """Imports that define dataclasses call exec, after which CPython remembers the interrupt."""
    code = (
        "import sys\n"
        "from dcfm_ros.cli.main import guarded\n"
        "sys.exit(guarded('demo', lambda: exec('raise KeyboardInterrupt')))\n"
    )
    (tmp_path / "interrupted_verb.py").write_text(code)
    paths = os.pathsep.join([str(tmp_path), str(CHECKOUT)])
    ended = subprocess.run(
        [sys.executable, "-m", "interrupted_verb"],
        env={**os.environ, "PYTHONPATH": paths},
        check=False,
    )
    assert ended.returncode == 130
