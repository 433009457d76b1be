# SPDX-License-Identifier: LGPL-2.1-or-later
"""Requests: each document of expanddata gives the domain or the refusal beside it, and the laws of expansion hold."""

import re

import pytest
from advice import advice
from documents import EXPAND, GOOD, NEW_LIBVIRT, OLD_LIBVIRT, document, literal_blocks, names
from programs import ROOT

PROFILES = EXPAND / "spm.d"
MET = names(".out.xml", EXPAND)
REFUSED = names(".err", EXPAND)
# Without their requests these have more than they had: cells, or slots that were given back.
REQUESTS = re.compile(r" *<(spm:requests|nova:instance|ovirt-vm:vm).*?</\1>\n", re.S)


@pytest.fixture
def expand(virt_spm):
    """Expand a document that is not refused."""
    def expander(text, *options, profiles=PROFILES):
        done = virt_spm("expand", "--profiles", profiles, *options, "-", text=text)
        assert done.returncode == 0, done.stderr
        return done.stdout
    return expander


def source(name):
    return (EXPAND / f"{name}.xml").read_text()


def result(name):
    return (EXPAND / f"{name}.out.xml").read_text()


@pytest.mark.parametrize("name", MET)
def test_met(name, virt_spm, golden):
    done = virt_spm("expand", "--profiles", PROFILES, EXPAND / f"{name}.xml")
    faults = [line for line in done.stderr.splitlines() if "30-wrong.conf" not in line]
    assert (done.returncode, faults) == (0, [])
    golden(done.stdout, EXPAND / f"{name}.out.xml")


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name, virt_spm, golden):
    done = virt_spm("expand", "--profiles", PROFILES, EXPAND / f"{name}.xml")
    assert (done.returncode, done.stdout) == (1, "")
    faults = [line for line in done.stderr.splitlines(keepends=True) if not line.startswith("virt-spm: ")]
    golden("".join(faults).replace(f"{EXPAND}/", ""), EXPAND / f"{name}.err")


def test_every_golden_file_is_read():
    used = {f"{name}.xml" for name in MET + REFUSED} | {f"{name}.out.xml" for name in MET}
    assert {path.name for path in EXPAND.iterdir()} == used | {f"{name}.err" for name in REFUSED} | {"spm.d"}


@pytest.mark.parametrize("name", MET)
def test_expansion_is_idempotent(name, expand):
    assert expand(result(name)) == result(name)


@pytest.mark.parametrize("name", MET)
@pytest.mark.parametrize("version", [NEW_LIBVIRT, OLD_LIBVIRT])
def test_what_is_shown_of_the_result_changes_nothing(name, version, expand, virt_spm):
    """The domain as the module defines it, as it shows it, and defined again."""
    stock = virt_spm("translate", "--libvirt-version", version, "-", text=result(name))
    if stock.returncode == 1 and version == OLD_LIBVIRT and name in ("own-distances", "own-cell-kept"):
        return  # libvirt 11.3 cannot carry it
    shown = virt_spm("translate", "--reverse", "-", text=stock.stdout).stdout
    for text in stock.stdout, shown:
        again = virt_spm("translate", "--libvirt-version", version, "-", text=expand(text)).stdout
        assert again == stock.stdout


@pytest.mark.parametrize("name", MET)
def test_a_request_that_is_gone_takes_its_memory_away(name, expand):
    bare = expand(REQUESTS.sub("", result(name)))
    assert "ua-spm-request" not in bare and expand(bare) == bare
    sizes = r"<(memory|currentMemory) unit='KiB'>(\d+)<"
    before = {key: int(value) for key, value in re.findall(sizes, bare)}
    for key, value in re.findall(r"<(memory|currentMemory) unit='(?:GiB|MiB)'>(\d+)<", source(name)):
        assert before[key] == int(value) * (1024 if key == "currentMemory" else 1048576) + (
            524288 if "dimm" in name else 1048576 if "beside" in name else 0), key


@pytest.mark.parametrize("name", MET)
def test_the_same_request_gives_the_same_layout(name, expand):
    """Whatever requests there were before."""
    other = re.sub("<metadata>", "<metadata>\n    <ovirt-vm:vm xmlns:ovirt-vm='http://ovirt.org/vm/1.0'><ovirt-vm:custom>"
                   "<ovirt-vm:spm>4MiB;2MiB</ovirt-vm:spm></ovirt-vm:custom></ovirt-vm:vm>\n    ", REQUESTS.sub("", source(name)))
    back = expand(re.sub(" *<metadata>.*</metadata>\n", lambda _: re.search(" *<metadata>.*</metadata>\n", source(name), re.S)[0],
                         expand(other), flags=re.S))
    assert back == result(name)


@pytest.mark.parametrize("name", GOOD)
def test_a_document_without_a_request_is_untouched(name, expand):
    text = document(name).read_text()
    assert expand(text) == text


def test_other_documents_are_untouched(expand):
    request = re.search(" *<metadata>.*</metadata>\n", source("size-zero"), re.S)[0]
    for text in "<network/>", f"<network>{request}</network>", "<domain  type=\"kvm\" ><name>spm</name></domain  >\n\n", "<domainsnapshot><domain/></domainsnapshot>":
        assert expand(text) == expand(text, "--leftovers") == text


# ---- the command's options ----

PLAIN = REQUESTS.sub("", source("own-cells"))


def test_requests_of_the_command_line_are_stored(expand):
    """So that the result says itself what it requests."""
    text = expand(PLAIN, "--request", "1GiB,profile=hbm;2MiB", "--request", "4MiB,cell=1")
    assert text.count("<alias name='ua-spm-request") == 3 and expand(text) == text
    assert "<spm:request size=\"1048576\" unit=\"KiB\" profile=\"hbm\"/>" in text
    assert "<spm:request size=\"4096\" unit=\"KiB\" cell=\"1\"/>" in text


def test_requests_of_the_command_line_replace_stored_ones(expand):
    assert expand(expand(PLAIN, "--request", "1GiB"), "--request", "2MiB") == expand(PLAIN, "--request", "2MiB")


def test_metadata_is_made_for_requests(expand):
    text = re.sub(" *<metadata>.*</metadata>\n", "", PLAIN, flags=re.S)
    assert "    <spm:requests xmlns:spm=" in expand(text, "--request", "2MiB")


def test_the_manuals_example(expand):
    blocks = literal_blocks((ROOT / "docs/formatdomain-spm.rst").read_text())
    metadata, = [block for block in blocks if "<spm:requests" in block]
    text = expand(re.sub("<metadata>.*</metadata>", metadata, PLAIN, flags=re.S))
    assert re.findall(r"<size unit='KiB'>(\d+)</size>\n +<node>(\d)<", text) == [("16777216", "1"), ("1048576", "2")]


def test_the_manuals_profiles(expand, tmp_path):
    (tmp_path / "a.conf").write_text("\n".join(advice("docs/man/libvirt-spm.rst", "[profile hbm]")))
    text = expand(source("nova-31").replace("spm.two", "spm.large"), profiles=tmp_path)
    assert "<nodemask>2</nodemask>" in text and "<pagesize unit='KiB'>1048576</pagesize>" in text
    assert "<size unit='KiB'>16777216</size>" in text


def test_a_wrong_request_of_the_command_line(virt_spm):
    done = virt_spm("expand", "--request", "1GB,size=3", "-", text=PLAIN)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "-: --request has unknown 'size' in '1GB,size=3'; allowed: profile, cell\n"


def test_the_profile_default_is_for_requests_without_one(expand, tmp_path):
    (tmp_path / "a.conf").write_text("[profile default]\nnodemask=3\n")
    assert "<nodemask>3</nodemask>" in expand(PLAIN, "--request", "2MiB", profiles=tmp_path)


def test_no_folder_is_no_profile(virt_spm, tmp_path):
    done = virt_spm("expand", "--profiles", tmp_path / "none", "--request", "2MiB", "-", text=PLAIN)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("text,message", [
    ("[profile a]\npages=1GiB", "[profile a]: unknown setting 'pages' with the value '1GiB'"),
    ("[profile a]\npagesize=2", "[profile a]: invalid pagesize '2'; expected a size such as 2MiB"),
    ("[profile a]\npagesize=0MiB", "[profile a]: invalid pagesize '0MiB'; expected a size such as 2MiB"),
    ("[profile a]\nnodemask=one", "[profile a]: invalid nodemask 'one'; expected host NUMA nodes such as 0 or 0-1,3"),
    ("[profile a]\naccess=all", "[profile a]: invalid access 'all'; expected shared or private"),
    ("[profile a]\npool=", "[profile a]: invalid pool ''; expected the name of a pool"),
    ("[profile a]\npool=../hbm", "[profile a]: invalid pool '../hbm'; expected the name of a pool"),
    ("[profile a]\npath=/dev/dax0.0", "[profile a]: unknown setting 'path' with the value '/dev/dax0.0'"),
    ("[profile a]\npool=b\nnodemask=1", "[profile a]: pool='b' cannot be combined with pagesize and nodemask"),
    ("[flavor a]\nsize=1", "[flavor a]: invalid size '1'; expected a request such as 1GiB"),
    ("[flavor a]\nprofile=b", "[flavor a]: it has no size"),
    ("[flavor a]\nsize=1GiB\nprofile=", "[flavor a]: invalid profile ''; expected the name of a profile"),
    ("[spm]\ndevice=sp-mem", "[spm]: unknown group; expected [profile NAME] or [flavor NAME]"),
    ("nonsense", "Key file contains line ?nonsense? which is not a key-value pair, group, or comment"),
])
def test_mistakes_in_profiles_are_told(text, message, virt_spm, tmp_path):
    (tmp_path / "a.conf").write_text(text + "\n")
    done = virt_spm("expand", "--profiles", tmp_path, "-", text=PLAIN)
    assert (done.returncode, done.stdout) == (0, PLAIN)
    assert done.stderr == f"virt-spm: {tmp_path}/a.conf: {message}\n"


def test_a_profile_after_many_mistakes_is_refused_as_well(virt_spm, tmp_path):
    (tmp_path / "a.conf").write_text("[profile a]\n" + "".join(f"k{number}=1\n" for number in range(120)) + "[profile b]\nk=1\n")
    done = virt_spm("expand", "--profiles", tmp_path, "--request", "2MiB,profile=b", "-", text=PLAIN)
    assert done.returncode == 1 and "has a profile of this host that is wrong: it has a mistake" in done.stderr


@pytest.mark.parametrize("request_text", ["2MiB", "2MiB,profile=b"])
def test_a_file_that_cannot_be_read_may_have_the_profile(request_text, virt_spm, tmp_path):
    (tmp_path / "a.conf").write_text("[profile default]\nnodemask=1\nnonsense\n")
    done = virt_spm("expand", "--profiles", tmp_path, "--request", request_text, "-", text=PLAIN)
    assert done.returncode == 1
    assert f"-: a request for SPM may have its profile in a file in {tmp_path} that cannot be read; " in done.stderr


def test_only_regular_files_are_read(virt_spm, tmp_path):
    (tmp_path / "a.conf").mkdir()
    (tmp_path / "b.conf").symlink_to("/dev/zero")
    done = virt_spm("expand", "--profiles", tmp_path, "-", text=PLAIN)
    assert done.stderr == "".join(f"virt-spm: {tmp_path}/{name}.conf: it is not a regular file\n" for name in "ab")


# ---- what other tools leave ----

def kept(stock):
    """What KubeVirt's own structures keep of a result: no override, and of memory devices nothing but these."""
    stock = re.sub(r" *<qemu:override>.*</qemu:override>\n", "", stock, flags=re.S)
    return re.sub(r" *<(source)>\n.*?</\1>\n", "", stock, flags=re.S)


@pytest.mark.parametrize("version", [NEW_LIBVIRT, OLD_LIBVIRT])
@pytest.mark.parametrize("requests", [["1GiB,profile=hbm"], ["2MiB", "4MiB"]])
def test_leftovers_are_removed_and_made_anew(requests, version, expand, virt_spm):
    options = [word for request in requests for word in ("--request", request)]
    stock = virt_spm("translate", "--libvirt-version", version, "-", text=expand(PLAIN, *options)).stdout
    for _ in range(3):
        again = expand(kept(stock), *options, "--leftovers")
        stock_again = virt_spm("translate", "--libvirt-version", version, "-", text=again).stdout
        assert stock_again == stock


def test_a_carrier_that_lost_its_override_is_made_anew(expand, virt_spm):
    """Its alias says whose it is."""
    stock = virt_spm("translate", "-", text=expand(PLAIN, "--request", "2MiB")).stdout
    assert virt_spm("translate", "-", text=expand(kept(stock))).stdout == stock


def test_leftovers_go_with_the_request(expand, virt_spm):
    stock = virt_spm("translate", "-", text=expand(PLAIN, "--request", "2MiB")).stdout
    text = expand(REQUESTS.sub("", kept(stock)), "--leftovers")
    assert "ua-spm" not in text and "id='1'" not in text and "maxMemory" not in text
    assert "<memory unit='KiB'>1048576</memory>" in text


def test_without_leftovers_nothing_changes(expand):
    assert expand(PLAIN, "--leftovers") == PLAIN
