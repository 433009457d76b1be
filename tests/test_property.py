# SPDX-License-Identifier: LGPL-2.1-or-later
"""Generated documents obey the laws of translation; damaged ones are accepted or refused, never a crash.

The seed is printed when a test fails. SPM_SEED sets it, SPM_DOCUMENTS the number of documents. The same
under AddressSanitizer and UndefinedBehaviorSanitizer: scripts/sanitize."""

import collections
import itertools
import os
import random
import signal
import subprocess

import pytest
from documents import NEW_LIBVIRT, OLD_LIBVIRT, TESTS, TRANSLATE, document
from generate import Document, Requesting, mutate
from programs import BUILD
from symbols import DEVICE, INTERPOSED

SEED = int(os.environ.get("SPM_SEED", "20261122"))
COUNT = int(os.environ.get("SPM_DOCUMENTS", "10000"))
CORPORA = {"format": "corpus", "translate": "corpus", "expand": "corpus-expand", "preload": "corpus-preload"}


def generated():
    """Documents, and whether each is laid out as libvirt does."""
    chance = random.Random(SEED)
    documents = [Document(chance) for _ in range(COUNT)]
    return [(document.text(), document.plain) for document in documents]


@pytest.fixture(scope="module")
def documents():
    return generated()


@pytest.fixture(scope="module")
def damaged(documents):
    chance = random.Random(SEED + 1)
    return [mutate(text, chance) for text, _ in documents]


def verdicts(texts, *version):
    """What tests/laws says of each document."""
    done = subprocess.run([BUILD / "tests" / "laws", *version], input="".join(text + "\0" for text in texts).encode(),
                          capture_output=True, timeout=600, check=False)
    lines = done.stdout.decode(errors="replace").splitlines()
    if done.returncode:
        pytest.fail(f"SPM_SEED={SEED}: status {done.returncode} after {len(lines)} documents, at\n"
                    f"{texts[len(lines)]}\n{done.stderr.decode(errors='replace')[-4000:]}", pytrace=False)
    assert len(lines) == len(texts)
    return [line.split(" ", 1) for line in lines]


def check(results, texts):
    """No law is broken and no refusal is silent; return how often there was which verdict."""
    for (verdict, detail), text in zip(results, texts):
        if verdict == "broken" or verdict == "refused" and not detail:
            pytest.fail(f"SPM_SEED={SEED}: {verdict} {detail}\n{text}", pytrace=False)
    return collections.Counter(verdict for verdict, _ in results)


@pytest.mark.parametrize("version", [OLD_LIBVIRT, NEW_LIBVIRT])
def test_generated_documents_obey_the_laws(version, documents):
    texts = [text for text, _ in documents]
    results = verdicts(texts, version)
    count = check(results, texts)
    for (verdict, _), (text, plain) in zip(results, documents):
        assert not (plain and verdict == "spaced"), f"SPM_SEED={SEED}: the laws hold up to white space only:\n{text}"
    # the generator is of no use when next to nothing of what it makes is accepted, or nothing refused
    assert count["ok"] + count["spaced"] > COUNT / 4, count
    assert count["refused"] > COUNT / 20, count


def test_generated_and_damaged_documents_format_to_themselves(documents, damaged):
    texts = [text for text, _ in documents] + damaged
    check(verdicts(texts), texts)


@pytest.mark.parametrize("version", [OLD_LIBVIRT, NEW_LIBVIRT])
def test_damaged_documents_are_accepted_or_refused(version, damaged):
    check(verdicts(damaged, version), damaged)


@pytest.fixture(scope="module")
def requesting():
    """Documents with requests, and some of them damaged."""
    chance = random.Random(SEED + 2)
    texts = [Requesting(chance).text() for _ in range(COUNT)]
    return texts, [mutate(text, chance) for text in texts]


def test_documents_with_requests_obey_the_laws_of_expansion(requesting):
    texts, damaged = requesting
    count = check(verdicts(texts, "expand"), texts)
    assert count["ok"] + count["spaced"] > COUNT / 4, count
    assert count["refused"] > COUNT / 20, count
    check(verdicts(damaged, "expand"), damaged)


def test_documents_without_requests_are_not_expanded(documents):
    texts = [text for text, _ in documents]
    assert set(check(verdicts(texts, "expand"), texts)) == {"unchanged"}


def corpus(target):
    return sorted((TESTS / "fuzz" / CORPORA[target]).iterdir())


def replay(target, *files):
    return subprocess.run([BUILD / "tests" / f"replay-{target}", *files], capture_output=True, text=True,
                          errors="replace", timeout=600, check=False)


@pytest.mark.parametrize("target", CORPORA)
def test_what_fuzzing_found_is_replayed(target):
    done = replay(target, *corpus(target))
    assert corpus(target) and done.returncode == 0, done.stderr[-4000:]


@pytest.mark.parametrize("folder,most", [("corpus", 200), ("corpus-expand", 200), ("corpus-preload", 60)])
def test_the_corpus_stays_small(folder, most):
    files = list((TESTS / "fuzz" / folder).iterdir())
    assert len(files) < most and sum(path.stat().st_size for path in files) < 300 * 1024


# as in fuzz/fuzz_preload.c
DAEMON, READONLY, ACTIVE, REMOTE, OTHER, DENIED = (1 << bit for bit in range(6))
MODES = [REMOTE, REMOTE | DAEMON, REMOTE | DAEMON | ACTIVE, DAEMON, DAEMON | DENIED, REMOTE | ACTIVE, REMOTE | OTHER,
         DAEMON | READONLY, DAEMON | READONLY | ACTIVE]


def call_input(function, mode, *texts, flags=0):
    """An input of the target for the plugin."""
    return bytes([INTERPOSED.index(function), mode, flags & 255, flags >> 8]) + b"\0".join(
        text.encode() for text in texts)


def document_of(function, text):
    if function in DEVICE:
        return "ua-spm0" if function.endswith("Alias") else "<memory model='spm'><alias name='ua-spm0'/></memory>"
    for moment in "snapshot", "checkpoint":
        if moment in function.lower():
            return f"<domain{moment}><name>x</name>{text}</domain{moment}>"
    return text


@pytest.mark.parametrize("mode", MODES)
def test_every_function_holds_the_laws_of_the_plugin(mode, documents, tmp_path):
    """What fuzz_preload.c looks at, for each function with documents good and bad."""
    stock = (TRANSLATE / "spm-single.old.xml").read_text()
    # what would be lost, and what cannot be read
    stored = [stock.replace("spm-memory", "sp-mem"), stock[:-20]]
    texts = [document(name).read_text() for name in ("spm-single", "several-invalid")] + [stock, documents[0][0]]
    files = []
    for number, (function, text, domain) in enumerate(itertools.product(INTERPOSED, texts, stored)):
        files.append(tmp_path / str(number))
        files[-1].write_bytes(call_input(function, mode, document_of(function, text), domain, domain))
    done = replay("preload", *files)
    assert done.returncode == 0, done.stderr[-4000:]


@pytest.mark.parametrize("what,status", [("time", -signal.SIGPROF), ("memory", -signal.SIGABRT)])
def test_a_slow_or_greedy_input_is_a_finding(what, status, tmp_path):
    path = tmp_path / "input"
    path.write_text(what)
    assert replay("limits", path).returncode == status
