"""Trust policies: every rule of the format, and what makes a quorum."""

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hashing.cosignature import CosignerKey, CosignerSigner
from hashing.cosigners import AnyCosigner
from hashing.errors import PolicyError
from hashing.keys import SignerKey, VerifierKey
from hashing.mldsa import MldsaSigner
from hashing.policy import MAX_OF_EACH, MAX_POLICY, Policy
from tests.proving import LOG_QUANTUM, QUANTUM, W1, W2, W3, policy_text, seed
from tests.sealed import KEY

LOG = str(KEY.verifier())
A, B, C = (str(key.verifier()) for key in (W1, W2, W3))
X = [CosignerSigner.generate(f"x.example/{at}", seed(f"x{at}")).verifier() for at in range(3)]
Y = [CosignerSigner.generate(f"y.example/{at}", seed(f"y{at}")).verifier() for at in range(3)]

# The example of the specification, its keys filled in.
EXAMPLE = f"""\
log {LOG}

witness X1 {X[0]}
witness X2 {X[1]}
witness X3 {X[2]}
group X-witnesses 2 X1 X2 X3

witness Y1 {Y[0]}
witness Y2 {Y[1]}
witness Y3 {Y[2]}
group Y-witnesses any Y1 Y2 Y3

group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
"""


def test_the_example_of_the_specification() -> None:
    """Two of the one operator's and one of the other's make the quorum, and nothing less."""
    policy = Policy.parse(EXAMPLE)
    assert [each.key for each in policy.logs] == [KEY.verifier()]
    assert [each.name for each in policy.witnesses] == ["X1", "X2", "X3", "Y1", "Y2", "Y3"]
    for count in range(7):
        for keys in itertools.combinations([*X, *Y], count):
            enough = len({*keys} & {*X}) >= 2 and len({*keys} & {*Y}) >= 1
            assert policy.satisfied_by(keys) == enough


@pytest.mark.parametrize("needed", [1, 2, 3])
@given(st.sets(st.sampled_from([W1.verifier(), W2.verifier(), W3.verifier(), *X])))
def test_k_of_n(needed: int, keys: set[CosignerKey]) -> None:
    """A quorum of k of n counts the policy's own witnesses, and no others."""
    text = policy_text(f"group some {needed} w1 w2 w3", quorum="some")
    ours = {W1.verifier(), W2.verifier(), W3.verifier()}
    assert Policy.parse(text).satisfied_by(keys) == (len(keys & ours) >= needed)


@settings(max_examples=50)
@given(st.data())
def test_groups_of_groups(data: st.DataObject) -> None:
    """However groups are nested, a quorum is what its words say."""
    names = [f"v{at}" for at in range(6)]
    keys = [CosignerSigner.generate(f"{name}.example", seed(name)).verifier() for name in names]
    lines = [f"witness {name} {key}" for name, key in zip(names, keys, strict=True)]
    signed = data.draw(st.sets(st.sampled_from(range(6))))
    holds = {name: at in signed for at, name in enumerate(names)}
    free = list(names)
    for at in range(data.draw(st.integers(1, 4))):
        members = data.draw(st.lists(st.sampled_from(free), min_size=1, unique=True))
        word = data.draw(st.sampled_from(["all", "any", str(len(members))]))
        needed = 1 if word == "any" else len(members)
        holds[f"g{at}"] = sum(holds[name] for name in members) >= needed
        lines.append(f"group g{at} {word} {' '.join(members)}")
        free = [*(name for name in free if name not in members), f"g{at}"]
    quorum = data.draw(st.sampled_from(sorted(holds)))
    policy = Policy.parse("\n".join([*lines, f"quorum {quorum}", ""]))
    assert policy.satisfied_by(keys[at] for at in signed) == holds[quorum]


def test_no_quorum_and_one_witness() -> None:
    """`none` asks for nobody; a witness's name asks for that one."""
    assert Policy.parse("quorum none\n").satisfied_by([])
    single = Policy.parse(policy_text(quorum="w1"))
    assert single.satisfied_by([W1.verifier()])
    assert not single.satisfied_by([W2.verifier(), W3.verifier()])


def test_both_types_of_witnesses_and_logs() -> None:
    """A policy may name keys of types 04 and 06, and a log with two keys of its own."""
    policy = Policy.parse(
        policy_text(logs=(KEY, LOG_QUANTUM), witnesses=(W1, QUANTUM), quorum="all")
    )
    assert [each.key for each in policy.logs] == [KEY.verifier(), LOG_QUANTUM.verifier()]
    assert policy.satisfied_by([QUANTUM.verifier(), W1.verifier()])
    assert not policy.satisfied_by([QUANTUM.verifier()])


def test_space_comments_and_addresses() -> None:
    """Blanks and tabs part items, comments and empty lines are skipped, addresses are kept."""
    policy = Policy.parse(
        f"\n \t \n# a comment\n \t# another\t\n\tlog \t {LOG}\thttps://log.example/ \n"
        f"witness w {A} https://w.example\n  quorum\tw\t\n"
    )
    assert [each.url for each in policy.logs] == ["https://log.example/"]
    assert [(each.name, each.url) for each in policy.witnesses] == [("w", "https://w.example")]
    assert policy.quorum == "w"


def test_names_are_octets() -> None:
    """A Kelvin sign is no K, and a name that is no UTF-8 is a name like any other."""
    for other in ("\u212a".encode(), b"\xff", b"k"):
        lines = b"witness K %b\nwitness %b %b\nquorum %b\n"
        policy = Policy.parse(lines % (A.encode(), other, B.encode(), other))
        assert policy.satisfied_by([W2.verifier()])
        assert not policy.satisfied_by([W1.verifier()])


def numbered(count: int) -> list[CosignerKey]:
    """Return this many witnesses."""
    signers = (CosignerSigner.generate(f"w{at}.example", seed(f"n{at}")) for at in range(count))
    return [signer.verifier() for signer in signers]


def many(logs: int = 1, witnesses: Sequence[AnyCosigner] = (), groups: int = 0) -> str:
    """Return a policy of this many of each."""
    keys = [SignerKey.generate(f"l{at}.example", seed(f"l{at}")).verifier() for at in range(logs)]
    return "\n".join(
        [
            *(f"log {key}" for key in keys),
            *(f"witness w{at} {key}" for at, key in enumerate(witnesses)),
            *(f"group g{at} 1 w{at}" for at in range(groups)),
            "quorum none",
            "",
        ]
    )


def test_how_many_a_policy_may_hold() -> None:
    """Thirty-two of each and many more are read; beyond the bound the policy is refused."""
    keys = numbered(MAX_OF_EACH + 1)
    most = Policy.parse(many(MAX_OF_EACH, keys[:-1], MAX_OF_EACH))
    assert (len(most.logs), len(most.witnesses), len(most.groups)) == (MAX_OF_EACH,) * 3
    for text in (many(MAX_OF_EACH + 1), many(1, keys), many(1, keys, MAX_OF_EACH + 1)):
        with pytest.raises(PolicyError):
            Policy.parse(text)


OTHER_NAME = CosignerSigner.generate("elsewhere.example", W1.seed).verifier()
LOG_AS_WITNESS = CosignerSigner.generate("elsewhere.example", KEY.seed).verifier()
UNDER_THE_LOGS_NAME = CosignerSigner.generate(KEY.name, W1.seed).verifier()
SAME_LOG_KEY = SignerKey.generate("elsewhere.example", KEY.seed).verifier()
OWN_QUANTUM = MldsaSigner.generate(KEY.name, QUANTUM.seed).verifier()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        f"log {LOG}\n",
        "quorum none",
        "quorum none\n# cut off",
        "quorum none\nquorum none\n",
        "quorum none\n\0\n",
        "quorum none\r\n",
        "quorum none\n\x7f\n",
        "quorum none\x0c\n",
        "quorum none none\n",
        "quorum\n",
        "quorum unknown\n",
        f"quorum w\nwitness w {A}\n",
        "Quorum none\n",
        "nonsense\nquorum none\n",
        "log\nquorum none\n",
        "log x\nquorum none\n",
        f"log {LOG} url another\nquorum none\n",
        f"log {LOG}\nlog {LOG}\nquorum none\n",
        f"log {LOG}\nlog {SAME_LOG_KEY}\nquorum none\n",
        f"log {A}\nquorum none\n",
        f"witness w {LOG}\nquorum none\n",
        "witness w\nquorum none\n",
        f"witness w {A} url another\nquorum none\n",
        f"witness none {A}\nquorum none\n",
        f"witness w {A[:-1]}\nquorum none\n",
        f"witness w {A}\nwitness w {B}\nquorum none\n",
        f"witness w {A}\nwitness v {A}\nquorum none\n",
        f"witness w {A}\nwitness v {OTHER_NAME}\nquorum none\n",
        f"log {LOG}\nwitness w {LOG_AS_WITNESS}\nquorum none\n",
        f"witness w {LOG_AS_WITNESS}\nlog {LOG}\nquorum none\n",
        f"log {LOG}\nwitness w {UNDER_THE_LOGS_NAME}\nquorum none\n",
        f"log {LOG}\nwitness w {OWN_QUANTUM}\nquorum none\n",
        "group g any\nquorum none\n",
        "group g\nquorum none\n",
        f"witness w {A}\ngroup g some w\nquorum none\n",
        f"witness w {A}\ngroup g 0 w\nquorum none\n",
        f"witness w {A}\ngroup g 2 w\nquorum none\n",
        f"witness w {A}\ngroup g 01 w\nquorum none\n",
        f"witness w {A}\ngroup g -1 w\nquorum none\n",
        f"witness w {A}\ngroup g +1 w\nquorum none\n",
        f"witness w {A}\ngroup g １ w\nquorum none\n",
        f"witness w {A}\ngroup g {'9' * 5000} w\nquorum none\n",
        f"witness w {A}\ngroup w any w\nquorum none\n",
        f"witness w {A}\ngroup none any w\nquorum none\n",
        f"witness w {A}\ngroup g any g w\nquorum none\n",
        f"witness w {A}\ngroup g any none w\nquorum none\n",
        f"witness w {A}\ngroup g any w w\nquorum none\n",
        f"witness w {A}\ngroup g any w v\nwitness v {B}\nquorum none\n",
        f"witness w {A}\ngroup g any w\ngroup h any w\nquorum none\n",
        f"witness w {A}\ngroup g any w\ngroup h any w g\nquorum none\n",
        f"witness w {A}\ngroup g any w\ngroup g any w\nquorum none\n",
        "\ud800\nquorum none\n",
        "#" * MAX_POLICY + "\nquorum none\n",
    ],
)
def test_what_is_no_policy(text: str) -> None:
    """Each rule that is broken is a reason to believe nobody."""
    with pytest.raises(PolicyError):
        Policy.parse(text)


def test_the_line_that_is_wrong_is_named() -> None:
    """An error says in which line it is."""
    with pytest.raises(PolicyError, match="line 3: no line before this one defines v"):
        Policy.parse(f"# trust\nwitness w {A}\ngroup g any w v\nquorum g\n")


@given(st.binary(max_size=200) | st.text(max_size=100))
def test_any_bytes_are_a_policy_or_an_error(data: bytes | str) -> None:
    """Reading a policy raises PolicyError and nothing else."""
    with pytest.raises(PolicyError):
        Policy.parse(data)


@given(
    st.lists(
        st.sampled_from(
            [
                *[
                    "log",
                    "witness",
                    "group",
                    "quorum",
                    "none",
                    "any",
                    "all",
                    "1",
                    "2",
                    "w",
                    "v",
                    "g",
                    "#",
                ],
                LOG,
                A,
                B,
                *"\n\n\n\t",
            ]
        ),
        max_size=30,
    )
)
def test_words_in_any_order_are_a_policy_or_an_error(words: list[str]) -> None:
    """However the words of the format are thrown together, only PolicyError comes of it."""
    try:
        policy = Policy.parse(" ".join([*words, "\n"]))
    except PolicyError:
        return
    assert policy.satisfied_by(each.key for each in policy.witnesses)


def test_a_key_of_a_log_is_of_a_log() -> None:
    """The keys that a policy names come out as what they are."""
    (log,) = Policy.parse(policy_text(quorum="none")).logs
    assert isinstance(log.key, VerifierKey)
