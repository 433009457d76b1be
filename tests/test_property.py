# SPDX-License-Identifier: LGPL-2.1-or-later
"""Generated documents obey the laws of translation; damaged ones are accepted or refused, never a crash.

The seed is printed when a test fails. SPM_SEED sets it, SPM_DOCUMENTS the number of documents. The same
under AddressSanitizer and UndefinedBehaviorSanitizer: scripts/sanitize."""

import collections
import os
import random
import subprocess

import pytest
from documents import NEW_LIBVIRT, OLD_LIBVIRT, TESTS
from generate import Document, mutate
from programs import BUILD

SEED = int(os.environ.get("SPM_SEED", "20261122"))
COUNT = int(os.environ.get("SPM_DOCUMENTS", "10000"))
CORPUS = sorted((TESTS / "fuzz" / "corpus").iterdir())


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


@pytest.mark.parametrize("target", ["format", "translate"])
def test_what_fuzzing_found_is_replayed(target):
    done = subprocess.run([BUILD / "tests" / f"replay-{target}", *CORPUS], capture_output=True, text=True,
                          errors="replace", timeout=600, check=False)
    assert CORPUS and done.returncode == 0, done.stderr[-4000:]


def test_the_corpus_stays_small():
    assert len(CORPUS) < 200 and sum(path.stat().st_size for path in CORPUS) < 300 * 1024
