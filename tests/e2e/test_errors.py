# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is refused reaches the client as an error of libvirt's, with the right domain and code, and changes nothing."""

from collections.abc import Iterator

import libvirt
import pytest
from daemon import Daemon
from doors import ALIAS, CONFIG, DEVICE, DOORS, NAME
from lab import GIVING, Lab, Outcome, small_domain, through_python, world
from stack import Stack
from symbols import DEVICE as DEVICE_FUNCTIONS, NO_XML, STARTS

pytestmark = pytest.mark.stacks("patched", "stock")

LIVE = libvirt.VIR_DOMAIN_AFFECT_LIVE
TAKING = [name for name in DOORS if name not in [*GIVING, *NO_XML, *STARTS] and DOORS[name].where != "client"]
# Those of the table that read a whole document, by the state that the domain must be in: few guests, many calls.
BY_STATE = sorted((DOORS[name].state, name) for name in TAKING if name not in DEVICE_FUNCTIONS)


@pytest.fixture(scope="module")
def in_state(traced: Daemon, traced_target: Daemon, stack: Stack, request: pytest.FixtureRequest) -> Iterator[Lab]:
    lab = Lab(traced, traced_target, stack)
    try:
        lab.reach(request.param)
        yield lab
    finally:
        lab.clean()


@pytest.fixture
def off(traced: Daemon, traced_target: Daemon, stack: Stack) -> Iterator[Lab]:
    lab = Lab(traced, traced_target, stack)
    try:
        lab.reach("off")
        yield lab
    finally:
        lab.clean()


@pytest.fixture
def paused(off: Lab) -> Lab:
    off.call("start", "--paused", NAME)
    return off


def assert_refused(outcome: Outcome, code: int, *words: str) -> None:
    assert (outcome.domain, outcome.code) == (libvirt.VIR_FROM_DOMAIN, code), outcome.error
    for word in words:
        assert word in outcome.error


@pytest.mark.parametrize("in_state,function", BY_STATE, indirect=["in_state"])
@pytest.mark.parametrize("wrong,code,words", [
    (("<node>1</node>", "<node>9</node>"), libvirt.VIR_ERR_CONFIG_UNSUPPORTED, ["<node>", "'9'"]),
    (("<size", "<size colour='red'"), libvirt.VIR_ERR_XML_ERROR, ["colour"])],
    ids=["config", "grammar"])
def test_wrong_spm_is_refused_at_every_door(
        in_state: Lab, function: str, wrong: tuple[str, str], code: int, words: list[str]) -> None:
    before = world(in_state)
    assert_refused(through_python(in_state, function, in_state.document(function).replace(*wrong)), code, *words)
    assert world(in_state) == before


def test_an_alias_that_is_not_there_is_libvirts_to_refuse(off: Lab) -> None:
    outcome = through_python(off, "virDomainDetachDeviceAlias", "ua-other")
    assert "ua-other" in outcome.error and "spm" not in outcome.error


@pytest.mark.parametrize("function", DEVICE_FUNCTIONS)
def test_a_device_of_the_configuration_is_changed_by_define_alone(off: Lab, function: str) -> None:
    before = world(off)
    assert_refused(through_python(off, function, off.document(function)), libvirt.VIR_ERR_OPERATION_UNSUPPORTED,
                   "virsh edit", "virt-xml --edit")
    assert world(off) == before


def test_a_running_guest_keeps_its_spm(paused: Lab) -> None:
    conn = libvirt.open(paused.uri)
    domain = conn.lookupByName(NAME)
    device = DEVICE.format(node=1, alias=ALIAS)
    before, xml = world(paused), domain.XMLDesc()
    for flags in LIVE, LIVE | CONFIG, 0:
        for name, call in {
                "attach": lambda: domain.attachDeviceFlags(device.replace(ALIAS, "ua-more"), flags),
                "update": lambda: domain.updateDeviceFlags(device, flags),
                "detach": lambda: domain.detachDeviceFlags(device, flags),
                "alias": lambda: domain.detachDeviceAlias(ALIAS, flags)}.items():
            with pytest.raises(libvirt.libvirtError, match="cannot be attached, updated or detached") as caught:
                call()
            assert caught.value.get_error_domain() == libvirt.VIR_FROM_DOMAIN, (name, flags)
            assert caught.value.get_error_code() == libvirt.VIR_ERR_OPERATION_UNSUPPORTED, (name, flags)
    assert (world(paused), domain.XMLDesc()) == (before, xml)
    conn.close()


def test_an_emulator_without_a_device_is_refused(off: Lab, stack: Stack) -> None:
    """Any program will do that is none: libvirt cannot run it."""
    text = small_domain(stack, None).replace(str(stack.emulator), "/bin/true")
    before = world(off)
    assert_refused(through_python(off, "virDomainDefineXML", text), libvirt.VIR_ERR_CONFIG_UNSUPPORTED, "'/bin/true'",
                   "libvirt cannot run it")
    assert world(off) == before


def test_a_client_without_rights_is_libvirts_to_refuse(off: Lab) -> None:
    conn = libvirt.openReadOnly(off.uri)
    domain = conn.lookupByName(NAME)
    device = DEVICE.format(node=1, alias="ua-more")
    before = world(off)
    for call in (lambda: conn.defineXML(off.document("virDomainDefineXML")),
                 lambda: domain.attachDeviceFlags(device, CONFIG), lambda: domain.detachDeviceAlias(ALIAS, CONFIG)):
        with pytest.raises(libvirt.libvirtError) as caught:
            call()
        assert caught.value.get_error_code() == libvirt.VIR_ERR_OPERATION_DENIED
    assert world(off) == before
    conn.close()
