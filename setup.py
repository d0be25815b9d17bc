"""The way in for pip. colcon takes ament_cmake from package.xml and does not read this file.

The build runs cmake on this package, and on the interface packages under interfaces/ that the
environment lacks, into a staging folder below build/. Python files go from there into the wheel;
libraries, share/ and lib/dcfm_ros/ become data files, which pip puts into the environment's prefix.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

from setuptools import Distribution, setup
from setuptools.command.build import build
from setuptools.errors import SetupError

ROOT = Path(__file__).resolve().parent
SITE_PACKAGES = Path(f"lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages")
NO_ROS = (
    "no ROS 2 interface generators found for {python}. In a plain virtual environment install "
    "them first: pip install -r requirements/ros-jazzy.txt; under a ROS distribution source its "
    "setup.bash first; where the build is isolated from the environment (uv, build): "
    "--no-build-isolation"
)
MARKER = "generated_by_dcfm_ros"  # in share/<package>, installed by interfaces/*/CMakeLists.txt


class BuildWithInterfaces(build):
    """Runs cmake and hands the staged files to setuptools."""

    def run(self) -> None:
        """Replace the build folder and the list of data files by what cmake has staged."""
        super().run()
        staged = stage(ROOT / "build")
        library = Path(self.build_lib)
        shutil.rmtree(library, ignore_errors=True)
        shutil.copytree(staged / SITE_PACKAGES, library, ignore=_not_for_the_wheel)
        folders: dict[str, list[str]] = {}
        for file in sorted(staged.rglob("*")):
            relative = file.relative_to(staged)
            if file.is_file() and not relative.is_relative_to(SITE_PACKAGES):
                folders.setdefault(str(relative.parent), []).append(os.path.relpath(file, ROOT))
        self.distribution.data_files = list(folders.items())


class BinaryDistribution(Distribution):
    """Marks the wheel as made for this Python and this platform."""

    def has_ext_modules(self) -> bool:
        """Say that there is compiled code, although setuptools does not compile it."""
        return True


def stage(build_folder: Path) -> Path:
    """Build and install everything below `build_folder`, and return the folder of the results.

    The cmake folders are kept, so that the next build is incremental.

    Raises:
        SetupError: no ROS 2 here, no cmake, or cmake fails.
    """
    environment = cmake_environment(dict(os.environ))
    prefixes = environment["AMENT_PREFIX_PATH"].split(os.pathsep)
    if not any(_has(prefix, "packages", "rosidl_default_generators") for prefix in prefixes):
        raise SetupError(NO_ROS.format(python=sys.executable))
    key = hashlib.sha256(f"{sys.executable} {ROOT}".encode()).hexdigest()[:12]
    work = build_folder / f"cmake-{sys.implementation.cache_tag}-{key}"
    prefix = work / "stage"
    shutil.rmtree(prefix, ignore_errors=True)
    for source in missing_interfaces(prefixes):
        run_cmake(source, work / source.name, prefix, environment)
    run_cmake(ROOT, work / "dcfm_ros", prefix, environment)
    return prefix


def missing_interfaces(prefixes: list[str]) -> list[Path]:
    """List the folders under interfaces/ whose package nothing but an earlier build of ours has."""
    return [
        folder
        for folder in sorted(path.parent for path in ROOT.glob("interfaces/*/package.xml"))
        if not any(
            _has(prefix, "rosidl_interfaces", folder.name)
            and not (Path(prefix) / "share" / folder.name / MARKER).exists()
            for prefix in prefixes
        )
    ]


def _has(prefix: str, resource_type: str, package: str) -> bool:
    return (Path(prefix) / "share/ament_index/resource_index" / resource_type / package).exists()


def cmake_environment(environment: dict[str, str]) -> dict[str, str]:
    """Return the variables for cmake: this Python's prefix first, pip's build isolation left out.

    The isolation hides the environment's empy, lark and numpy from the generators.
    """
    environment.pop("CMAKE_GENERATOR", None)
    entries = environment.pop("PYTHONPATH", "").split(os.pathsep)
    kept = [entry for entry in entries if entry and "pip-build-env-" not in entry]
    if kept:
        environment["PYTHONPATH"] = os.pathsep.join(kept)
    for name in ("AMENT_PREFIX_PATH", "CMAKE_PREFIX_PATH"):
        others = [entry for entry in environment.get(name, "").split(os.pathsep) if entry]
        environment[name] = os.pathsep.join([sys.prefix, *others])
    return environment


def run_cmake(source: Path, work: Path, prefix: Path, environment: dict[str, str]) -> None:
    """Build and install one cmake project into `prefix`.

    An existing build folder is used again, where cmake configures anew by itself if something
    changed; if that fails, it is made from scratch.

    Raises:
        SetupError: no cmake, or cmake fails.
    """
    configure = [
        *("cmake", "-G", "Unix Makefiles", "-S", str(source), "-B", str(work)),
        *("-DCMAKE_BUILD_TYPE=Release", "-DBUILD_TESTING=OFF"),
        f"-DCMAKE_INSTALL_PREFIX={prefix}",
        f"-DPYTHON_INSTALL_DIR={SITE_PACKAGES}",
        f"-DPython3_EXECUTABLE={sys.executable}",
    ]
    jobs = str(len(os.sched_getaffinity(0)))  # a bare --parallel starts all compilers at once
    compile_and_install = ["cmake", "--build", str(work), "--parallel", jobs, "--target", "install"]
    configured = work / "configured"
    fresh = not configured.exists()
    try:
        if fresh:
            subprocess.run(configure, env=environment, check=True)
            configured.touch()
        subprocess.run(compile_and_install, env=environment, check=True)
    except FileNotFoundError as error:
        raise SetupError("cmake not found: sudo apt install build-essential cmake") from error
    except subprocess.CalledProcessError as error:
        if fresh:
            raise SetupError(f"cmake failed on {source}: its messages stand above") from error
        shutil.rmtree(work)
        run_cmake(source, work, prefix, environment)


def _not_for_the_wheel(folder: str, names: list[str]) -> set[str]:
    # the generators' own metadata would make pip see two distributions of one name
    return {name for name in names if name.endswith((".egg-info", ".c")) or name == "__pycache__"}


def version() -> str:
    """Read the version from package.xml, its only home but for dcfm_ros.__version__."""
    return ET.parse(ROOT / "package.xml").getroot().findtext("version", "")


if __name__ == "__main__":
    (ROOT / "build").mkdir(exist_ok=True)
    setup(
        version=version(),
        packages=[],
        options={"egg_info": {"egg_base": "build"}},
        distclass=BinaryDistribution,
        cmdclass={"build": BuildWithInterfaces},
    )
