import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from full_disk import error_when_full

from rast_eval.errors import StoreError
from rast_eval.files import append_descriptor, new_folder, replace_file, replacing, settle, write_all, write_json


def test_a_file_is_replaced_as_a_whole_with_its_folder(tmp_path):
    file = tmp_path / "a" / "b" / "page.md"
    replace_file(file, "first λ")
    replace_file(file, b"second")
    assert file.read_bytes() == b"second"
    write_json(file, {"x": 1})
    assert json.loads(file.read_text()) == {"x": 1}
    assert [path.name for path in file.parent.iterdir()] == ["page.md"]
    assert file.stat().st_mode & 0o777 == 0o666 & ~_umask()


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_on_a_full_disk_the_old_file_stays_whatever_call_fails(tmp_path):
    file = tmp_path / "page.md"
    for number in range(100):
        replace_file(file, "old")
        error, calls = error_when_full(number, lambda: replace_file(file, "new content"))
        if error is None:
            break
        renamed = "replace" in calls and calls[-1] != "replace"
        assert file.read_text() == ("new content" if renamed else "old")
        assert [path.name for path in tmp_path.iterdir()] == ["page.md"]
    assert 3 < number < 100
    assert file.read_text() == "new content"


def test_an_error_of_the_writer_leaves_the_old_file(tmp_path):
    file = tmp_path / "rows"
    replace_file(file, "old")
    with pytest.raises(ZeroDivisionError), replacing(file) as write:
        write(bytes(1 // 0))
    assert file.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


def test_two_writers_do_not_share_a_temporary_file(tmp_path):
    file = tmp_path / "rows"
    with replacing(file) as first:
        first(b"first, part one; ")
        with replacing(file) as second:
            second(b"second")
        assert file.read_bytes() == b"second"
        first(b"part two")
    assert file.read_bytes() == b"first, part one; part two"


def test_a_reason_other_than_a_full_disk_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"Not a directory|File exists"):
        replace_file(tmp_path / "file" / "page.md", "x")


def test_appending_cuts_a_torn_line_first(tmp_path):
    file = tmp_path / "rows"
    for torn in (b"", b"half", b"x" * 200_000, b"\0\0\0"):
        file.write_bytes(b"one\ntwo\n" + torn)
        descriptor = append_descriptor(file)
        write_all(descriptor, b"three\n")
        os.close(descriptor)
        assert file.read_bytes() == b"one\ntwo\nthree\n"
    file.write_bytes(b"only a torn one")
    os.close(append_descriptor(file))
    assert file.read_bytes() == b""


FILLING = """
import sys
from pathlib import Path
from rast_eval.files import new_folder
with new_folder(Path(sys.argv[1])) as made:
    (made / "weights").write_bytes(b"half")
    print(made, flush=True)
    sys.stdin.read()
"""


def test_a_new_folder_clears_what_a_killed_process_left_and_keeps_a_living_ones(tmp_path):
    processes = [
        subprocess.Popen([sys.executable, "-c", FILLING, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    living, dead = (Path(process.stdout.readline().decode().strip()) for process in processes)
    processes[1].kill()
    processes[1].communicate()
    assert (dead / "weights").is_file()
    with new_folder(tmp_path) as made:
        assert not dead.parent.exists()
        assert (living / "weights").is_file()
        settle(made, tmp_path / "name")
    processes[0].communicate()
    assert {path.name for path in tmp_path.iterdir()} == {".lock", "name"}


def test_who_was_faster_keeps_the_name_and_an_error_leaves_nothing(tmp_path):
    with new_folder(tmp_path) as first, new_folder(tmp_path) as second:
        (first / "file").write_text("first")
        settle(first, tmp_path / "name")
        (second / "file").write_text("second")
        settle(second, tmp_path / "name")
    with pytest.raises(StoreError, match="cannot be written"), new_folder(tmp_path) as made:
        settle(made, tmp_path / "missing" / "name")
    assert (tmp_path / "name" / "file").read_text() == "first"
    assert {path.name for path in tmp_path.iterdir()} == {".lock", "name"}
