"""Builds the optional C chunk kernel; everything else stands in pyproject.toml.

The extension is `optional`: where no compiler is found the install goes on and the
numpy kernel, which cuts at the same places, takes over.
"""

from setuptools import Extension, setup
from setuptools.command.bdist_wheel import bdist_wheel


class AbiWheel(bdist_wheel):
    """Tags the wheel abi3: one build serves Python 3.11 and all later ones."""

    def get_tag(self) -> tuple[str, str, str]:
        """Return (python, abi, platform) tags."""
        python, abi, platform = super().get_tag()
        return ("cp311", "abi3", platform) if python.startswith("cp") else (python, abi, platform)


setup(
    ext_modules=[
        Extension(
            "syncd.chunk._gear",
            ["syncd/chunk/_gear.c"],
            py_limited_api=True,
            define_macros=[("Py_LIMITED_API", "0x030B0000")],
            extra_compile_args=["-O3"],
            optional=True,
        )
    ],
    cmdclass={"bdist_wheel": AbiWheel},
)
