# SPDX-License-Identifier: LGPL-2.1-or-later
"""OpenStack's Nova, as the distribution has it, on a libvirtd with the plugin."""

OLDEST = 33  # that these tests are written for


def test_nova_is_new_enough_to_write_extra_specs(manager_run):
    """Since 32, Nova writes a flavor's extra specs into the metadata."""
    done = manager_run("python3", "-c", "import nova.version; print(nova.version.version_string())")
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split(".")[0]) >= OLDEST
