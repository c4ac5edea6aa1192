"""What a release is made of, as cargo says."""

import json
import subprocess
from pathlib import Path

FEATURE = "bundled-libpq"
# Crates that others only build with, and whose content is in the binary all the same.
BUILT_IN = {"openssl-src", "utoipa-swagger-ui-vendored"}


def run(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def crates(kinds):
    """Name and version of each crate that webhook-server needs, through dependencies of these kinds."""
    tree = run(
        "cargo", "tree", "--locked", "--package", "webhook-server", "--features", FEATURE,
        "--edges", kinds, "--prefix", "none", "--format", "{p}",
    )
    words = (line.split() for line in tree.splitlines() if line.strip())
    return {(name, version.removeprefix("v")) for name, version, *_ in words}


def inside():
    """Name and version of each crate that is in the binary."""
    built_in = {crate for crate in crates("normal,build") if crate[0] in BUILT_IN}
    assert {name for name, _ in built_in} == BUILT_IN, built_in
    return crates("normal") | built_in


def packages():
    """What cargo knows of each crate, and its folder."""
    text = run("cargo", "metadata", "--locked", "--format-version", "1", "--features", f"webhook-server/{FEATURE}")
    for package in json.loads(text)["packages"]:
        yield package, Path(package["manifest_path"]).parent
