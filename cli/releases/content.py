"""Prepares the files of an installed build."""

from __future__ import annotations

import compileall
import hashlib
import os
import py_compile
import shutil

from incumbent.lifecycle import files

HASH_LETTERS = 8
DEV_MODULE = "incumbent_dev_release"  # in each release of `--dev`: adds the label to the version

_DEV_SOURCE = '''"""Tells the version of a build that has none of its own: {version}."""

import sys

import {module} as _module

_said = getattr(_module, "__version__", None)
_top = sys.modules[_module.__name__.partition(".")[0]]
__version__ = (_said or getattr(_top, "__version__", None) or {base!r}) + {label!r}
app = _module.{attribute}
'''


def digest(folder: str) -> str:
    """Give the hash of what a build is made of, wherever and whenever it was installed."""
    said = hashlib.sha256()
    for top, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        for name in sorted(names):
            if top.endswith(".dist-info") and name != "METADATA":
                continue  # tells where it came from, not what it is
            path = os.path.join(top, name)
            said.update(f"{os.path.relpath(path, folder)}\0".encode())
            with open(path, "rb") as file:
                said.update(hashlib.file_digest(file, "sha256").digest())
    return said.hexdigest()


def label_of(version: str, content: str) -> str:
    """Give what a build of `--dev` adds to its version, of the digest of its content."""
    return f"{'.' if '+' in version else '+'}{content[:HASH_LETTERS]}"


def write_dev_module(folder: str, app: str, base: str, label: str) -> str:
    """Put a module into the build that says its labelled version; give the app it offers."""
    module, _, attribute = app.partition(":")
    source = _DEV_SOURCE.format(
        module=module, attribute=attribute, base=base, label=label, version=base + label
    )
    files.replace(os.path.join(folder, f"{DEV_MODULE}.py"), source.encode())
    return f"{DEV_MODULE}:app"


def compile_for(folder: str, path: str) -> None:
    """Compile every module of the build in `folder`, which is going to be at `path`."""
    compileall.compile_dir(
        folder,
        quiet=2,
        stripdir=folder,
        prependdir=path,
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )


def seal(folder: str) -> None:
    """Let nobody write what is in the folder."""
    for top, _, names in os.walk(folder, topdown=False):
        for name in names:
            path = os.path.join(top, name)
            if not os.path.islink(path):
                os.chmod(path, 0o444)
        os.chmod(top, 0o555)


def remove_tree(folder: str) -> None:
    """Remove a folder with all that is in it, also what is sealed."""
    for top, _, _ in os.walk(folder):
        os.chmod(top, 0o700)
    shutil.rmtree(folder)
