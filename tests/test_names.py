import pytest

from rast_eval.errors import UsageError
from rast_eval.names import check_name, printable
from rast_eval.types import Arm, Cell, ModelRef, Sampling, System

SAFE = ["math500", "tiny-arith", "humaneval_plus", "my set 2", "a.b+c@d", "größe"]
UNSAFE = [
    "",
    "..",
    "../x",
    "a/b",
    ".hidden",
    "-x",
    "a\x1b[2J",
    "a\nb",
    "a\0",
    "x" * 101,
    "*",
    "a.shard-0-of-2",
    "a\u202e",
]


@pytest.mark.parametrize("name", SAFE)
def test_names_of_files_stay(name):
    check_name("benchmark", name)


@pytest.mark.parametrize("name", UNSAFE)
def test_names_that_leave_the_folder_or_steer_a_terminal_are_refused(name):
    with pytest.raises(UsageError) as error:
        check_name("benchmark", name)
    assert error.value.message.isprintable()


@pytest.mark.parametrize("field", ["benchmark", "scorer"])
def test_no_cell_holds_such_a_name(field):
    names = {"benchmark": "sums", "scorer": "simplerl", field: "../../evil"}
    with pytest.raises(UsageError, match=f"cannot name a {field}"):
        Cell(Arm("rast"), System(ModelRef("b")), **names, sampling=Sampling(), prompt="p", stop=(), n=1,
             problem_count=1, fingerprint="f")  # fmt: skip


def test_control_characters_are_spelled_out():
    assert printable("a\x1b[31mb\r\x07\u202ec\ud800\tλ\n") == "a\\x1b[31mb\\r\\x07\\u202ec\\ud800\tλ\n"
