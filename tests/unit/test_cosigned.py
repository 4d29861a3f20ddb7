"""Cosignatures: verified, kept, merged into the published head, and never a reason to sign."""

import pytest

from dock_daemon.errors import CosignerKeyError
from hashing import cosignature, mldsa, note
from hashing.cosignature import CosignerSigner
from hashing.mldsa import MldsaSigner
from tests.docks import NOW_MS, DockIn, StandingClock
from tests.require import need
from tests.witnessed import NOW_S, Core, Witness, grow, running


def lines(dock: DockIn) -> list[tuple[str, int]]:
    """Return name and time of each cosignature in the published head."""
    _, found = note.parse((dock.root / "log" / "checkpoint").read_bytes())
    return [(one.name, cosignature.time_of(one)) for one in found[1:]]


def settle(core: Core) -> None:
    """Give the sealer its moment."""
    at = StandingClock().at()
    core.state.sealer.ask(lambda ledger: core.state.signing.publish(ledger, at))


def test_cosignatures_join_the_published_head(dock: DockIn) -> None:
    """Those of all cosigners; the log stays one that verifies, and a restart keeps them."""
    central, mirror = Witness(), Witness("central2", role="mirror")
    with running(dock, central, mirror) as core:
        grow(core)
        told = core.tell("cosigned", note=central.cosign(core.head))
        size = core.signing["signed"]
        assert told == {
            "kept": [{"name": central.key.name, "size": size, "time_s": NOW_S}],
            "refused": [],
        }
        core.tell("cosigned", note=mirror.cosign(core.head))
        expected = [(central.key.name, NOW_S), (mirror.key.name, NOW_S)]
        assert lines(dock) == expected
        rows = {one["name"]: (one["role"], one["size"]) for one in core.signing["cosigners"]}
        assert rows == {"central": ("witness", size), "central2": ("mirror", size)}
        assert core.signing["window"] == 0, "the entries that say so leave nothing unvouched"
    dock.verify()
    with running(dock, central, mirror) as core:
        assert lines(dock) == expected
        assert core.head == (dock.root / "log" / "checkpoint").read_text()
    assert dock.verify().problems == ()


def test_a_cosignature_entry_rides_with_the_next_checkpoint(dock: DockIn) -> None:
    """Else each cosignature would make a head, and each head a cosignature, for ever."""
    witness = Witness()
    with running(dock, witness) as core:
        grow(core)
        size = core.signing["signed"]
        core.vouched(witness)
        settle(core)
        told = core.signing
        assert (told["signed"], told["entries"], told["waiting"]) == (size, size + 1, 0)
        assert told["window"] == 0
        assert core.state.unpublished == 0
        grow(core)
        assert core.signing["signed"] == size + 2
    (entry,) = dock.parsed("cosigned")
    assert entry.seq == size
    assert {name: value for name, value in entry.body.items() if name != "line_sha256"} == {
        "size": size,
        "name": witness.key.name,
        "key_id": f"{witness.key.verifier().key_id:08x}",
        "role": "witness",
        "time_s": NOW_S,
    }
    dock.assert_holds()


def test_the_same_head_cosigned_again_is_newer_and_no_news(dock: DockIn) -> None:
    """The newest line counts, an older one is refused, and one entry is made."""
    witness = Witness()
    with running(dock, witness) as core:
        grow(core)
        for time_s in (NOW_S, NOW_S + 60, NOW_S + 60):
            assert core.tell("cosigned", note=witness.cosign(core.head, time_s))["kept"]
        told = core.tell("cosigned", note=witness.cosign(core.head, NOW_S + 30))
        assert told["kept"] == []
        assert lines(dock) == [(witness.key.name, NOW_S + 60)]
        assert told["refused"] == [{"name": witness.key.name, "why": "older"}]
    assert len(dock.parsed("cosigned")) == 1


def test_an_earlier_head_may_be_cosigned_late(dock: DockIn) -> None:
    """It is kept for those who ask for that head; the published one does not bear it."""
    witness = Witness()
    with running(dock, witness) as core:
        grow(core)
        early = core.head
        grow(core)
        told = core.tell("cosigned", note=witness.cosign(early))
        assert told["kept"][0]["size"] == core.signing["cosigners"][0]["size"] == 2
        assert lines(dock) == []


def test_what_does_not_verify_is_refused_and_named(dock: DockIn) -> None:
    """A stranger's line, a spoilt one, a head of a size that we never signed, another log's."""
    witness, stranger = Witness(), Witness("stranger")
    with running(dock, witness) as core:
        grow(core)
        text, own = note.parse(core.head.encode())
        good = witness.key.cosign(text, NOW_S)
        spoilt = note.SignatureLine(
            good.name, good.key_id, good.signature[:-1] + bytes([good.signature[-1] ^ 1])
        )
        mixed = note.with_lines(core.head.encode(), [stranger.key.cosign(text, NOW_S), spoilt])
        told = core.tell("cosigned", note=mixed.decode())
        assert told == {
            "kept": [],
            "refused": [
                {"name": stranger.key.name, "why": "unknown-key"},
                {"name": witness.key.name, "why": "signature"},
            ],
        }
        bare = f"{text}\n{good}\n"
        assert len(core.tell("cosigned", note=bare)["kept"]) == 1
        longer = f"{text.replace(chr(10) + '2' + chr(10), chr(10) + '7' + chr(10))}\n{own[0]}\n"
        assert core.tell("cosigned", note=longer)["refused"][0]["why"] == "unknown-size"
        assert core.signing["state"] == "free"
    assert len(dock.parsed("cosigned")) == 1


def test_a_key_that_is_none_is_named_at_the_start(dock: DockIn) -> None:
    """The cosigner's name stands in the message; nothing is made before."""
    settings = Witness().settings().replace("+B", "+C")
    with pytest.raises(CosignerKeyError) as caught:
        dock.open(settings)
    assert caught.value.cosigner == "central"
    twice = Witness("a").settings() + Witness("b").settings()
    vkeys = [str(Witness(name).key.verifier()) for name in ("a", "b")]
    key = CosignerSigner.generate("other.example/b", Witness("a").key.seed)
    with pytest.raises(CosignerKeyError) as caught:
        dock.open(twice.replace(vkeys[1], str(key.verifier())))
    assert caught.value.cosigner == "b"


def test_a_witness_may_sign_with_ml_dsa_beside(dock: DockIn) -> None:
    """Each of its keys has its own line and its own entry."""
    need(mldsa.available(), "ML-DSA-44")
    witness = Witness()
    second = MldsaSigner.generate(witness.key.name, b"s" * 32)
    settings = witness.settings().replace('"]', f'", "{second.verifier()}"]')
    with dock.open(settings) as state:
        core = Core(state)
        grow(core)
        text, _ = note.parse(core.head.encode())
        both = note.with_lines(witness.cosign(core.head).encode(), [second.cosign(text, NOW_S)])
        assert len(core.tell("cosigned", note=both.decode())["kept"]) == 2
        assert len(lines(dock)) == 2
    assert len(dock.parsed("cosigned")) == 2
    dock.assert_holds()


def test_a_second_signature_of_our_own(dock: DockIn) -> None:
    """With ML-DSA-44 each head bears two lines, and the log says whose the new one is."""
    need(mldsa.available(), "ML-DSA-44")
    dock.open().close()
    on = "[log]\nml_dsa = true\n"
    with dock.open(on) as state:
        grow(Core(state))
    with dock.open(on) as state:
        grow(Core(state))
        vkeys = Core(state).signing["vkeys"]
    path = dock.root / "key" / "log.mldsa.key"
    assert path.stat().st_mode & 0o777 == 0o600
    assert (dock.root / "log" / "vkey").read_text() == f"{vkeys[0]}\n"
    assert (dock.root / "log" / "vkey-mldsa").read_text() == f"{vkeys[1]}\n"
    head = (dock.root / "log" / "checkpoint").read_bytes()
    opened = note.open_note(head, [mldsa.MldsaKey.parse(vkeys[1])])
    assert [cosignature.time_of(line) for line in opened.signatures] == [NOW_MS // 1000]
    (stated,) = [one for one in dock.parsed("config-change") if "mldsa_vkey" in one.body]
    assert stated.body["mldsa_vkey"] == vkeys[1]
    dock.assert_holds()
    path.unlink()
    with pytest.raises(Exception, match="mldsa"):
        dock.open(on)
    with dock.open() as state:
        grow(Core(state))
    dock.assert_holds()
