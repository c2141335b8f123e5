"""Builds the four optional C kernels; everything else stands in pyproject.toml.

They are `optional`: where no compiler is found the install goes on and kernels in numpy and
Python, which do the same, take over.
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
            name,
            [name.replace(".", "/") + ".c"],
            py_limited_api=True,
            define_macros=[("Py_LIMITED_API", "0x030B0000")],
            extra_compile_args=["-O3"],
            optional=True,
        )
        for name in ("syncd.chunk._gear", "syncd.chunk._prf", "syncd.fs._bulk", "syncd.fs._listing")
    ],
    cmdclass={"bdist_wheel": AbiWheel},
)
