import gzip
import json
from dataclasses import replace

import pytest

from rast_eval.errors import DataError, UnknownName
from rast_eval.inputs import benchmarks

COUNTS = {"math500": 500, "gsm8k": 1319, "aime24": 30, "amc23": 40, "minerva": 272, "olympiadbench": 675,
          "humaneval_plus": 164, "mbpp_plus": 378, "livecodebench": 880, "tiny-arith": 400}  # fmt: skip


def test_every_benchmark_of_the_paper_is_there():
    found = benchmarks.registry()
    assert {name: found[name].count for name in COUNTS} == COUNTS


@pytest.mark.parametrize("name", ["math500", "gsm8k", "aime24", "amc23", "minerva", "olympiadbench"])
def test_math_files_load_with_their_count_and_hash(name, data_dir, recwarn):
    benchmark = benchmarks.get(name)
    problems = benchmarks.load(benchmark, data_dir)
    assert len(problems) == COUNTS[name]
    assert benchmark.sha256 == benchmarks.canonical_sha256(problems)
    assert not recwarn.list
    assert all(problem.question for problem in problems)


@pytest.mark.parametrize("name", ["humaneval_plus", "mbpp_plus"])
def test_code_files_load(name, data_dir):
    problems = benchmarks.load(benchmarks.get(name), data_dir)
    assert len(problems) == COUNTS[name]
    programs = [(p.metadata["entry_point"], p.question + p.metadata["canonical_solution"]) for p in problems]
    assert all(f"def {entry}" in text for entry, text in programs)


def test_aliases_and_spelling():
    assert benchmarks.get("Minerva_Math").name == benchmarks.get("minerva").name
    assert benchmarks.get("humaneval-plus").name == "humaneval_plus"
    with pytest.raises(UnknownName, match="math500"):
        benchmarks.get("math50")


@pytest.fixture
def own(tmp_path):
    (tmp_path / "sums.yaml").write_text(
        "name: sums\ntitle: Sums\nkind: math\nfile: [sums.jsonl.gz]\ncolumns: {question: [q]}\ncount: 2\n"
        "scorer: simplerl\nprompt: tiny\ndecoding: {n: 2, temperature: 1.0, top_p: 1.0, max_tokens: 8}\n"
    )
    with gzip.open(tmp_path / "sums.jsonl.gz", "wt") as handle:
        handle.writelines(json.dumps({"q": f"1+{i}?", "answer": str(1 + i)}) + "\n" for i in range(2))
    return tmp_path


def test_a_benchmark_of_ones_own(own):
    problems = benchmarks.load(benchmarks.get("sums", own))
    assert [(problem.id, problem.question, problem.gold) for problem in problems] == [
        ("0", "1+0?", "1"),
        ("1", "1+1?", "2"),
    ]


def test_a_wrong_count_and_a_wrong_hash_are_warnings_that_say_which(own):
    benchmark = benchmarks.get("sums", own)
    with pytest.warns(UserWarning, match="sums: 2 rows where 3 are expected"):
        benchmarks.load(replace(benchmark, count=3))
    with pytest.warns(UserWarning, match="sums: the sha256"):
        benchmarks.load(replace(benchmark, sha256="0" * 64))


def test_a_damaged_file_names_its_line(own):
    with gzip.open(own / "sums.jsonl.gz", "at") as handle:
        handle.write("[1, 2]\n")
    with pytest.raises(DataError, match="Line 3"):
        benchmarks.load(benchmarks.get("sums", own))


def test_the_generator_repeats_itself():
    benchmark = benchmarks.get("tiny-arith")
    assert benchmarks.load(benchmark, limit=5) == benchmarks.load(benchmark)[:5]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("identifier: [key]", r"knows the key 'identifier'.*\nDid you mean"),
        ("columns: {identifier: [key], question: [q]}", r"the key 'identifier' under `columns`.*\nDid you mean id\?"),
        ("decoding: {n: 2, temprature: 1.0}", r"'temprature' under `decoding`.*\nDid you mean temperature\?"),
        ("gold: box", r"`gold` is 'box'.*\nDid you mean boxed\?"),
        ("kind: maths", r"`kind` is 'maths'.*\nDid you mean math\?"),
        ("count: many", r"`count` is 'many', which is no whole number"),
        ("count: true", r"`count` is True, which is no whole number"),
        ("count: 0", r"`count` is 0"),
        ("columns: [q]", r"`columns` is no mapping"),
        ("name: ../sums", r"'../sums' cannot name"),
        ("decoding: {temperature: 1.0}", r"lacks `decoding.n`"),
        ("kind: [", r"cannot be read"),
    ],
)
def test_a_mistake_in_a_yaml_is_named(own, line, message):
    path = own / "sums.yaml"
    key = line.partition(":")[0]
    kept = [old for old in path.read_text().splitlines() if not old.startswith(f"{key}:")]
    path.write_text("\n".join([*kept, line]) + "\n")
    with pytest.raises(DataError, match=message) as caught:
        benchmarks.get("sums", own)
    assert str(path) in caught.value.message


def test_a_benchmark_needs_no_more_than_the_contract_says(own):
    (own / "least.yaml").write_text(
        "name: least\nkind: math\ncount: 2\nscorer: strict\nprompt: tiny\nfile: sums.jsonl.gz\n"
        "columns: {question: q}\ndecoding: {n: 2, temperature: 1, top_p: 1.0, max_tokens: 8}\n"
    )
    least = benchmarks.get("least", own)
    assert (least.title, least.gold, least.file, least.aliases) == ("least", "plain", ("sums.jsonl.gz",), ())
    assert benchmarks.load(least) == [
        replace(p, benchmark="least") for p in benchmarks.load(benchmarks.get("sums", own))
    ]


def test_ids_and_marks_that_are_not_there_are_warnings(own):
    benchmark = benchmarks.get("sums", own)
    columns = {**benchmark.columns, "id": ("key",)}
    with pytest.warns(UserWarning, match="sums: 2 rows have no column key; their position counts"):
        assert [p.id for p in benchmarks.load(replace(benchmark, columns=columns))] == ["0", "1"]
    with pytest.warns(UserWarning, match=r"sums: 2 rows have no `boxed` in answer, the first '0'; the whole text"):
        benchmarks.load(replace(benchmark, gold="boxed"))


@pytest.mark.parametrize(
    ("name", "count"),
    [("aime25", 30), ("aime_2026", 30), ("hmmt25", 30), ("hmmt_feb26", 33), ("brumo25", 30), ("beyond_aime", 100),
     ("lcb_v6", 1055)],
)  # fmt: skip
def test_later_benchmarks_state_a_count_and_claim_no_hash(name, count):
    benchmark = benchmarks.get(name)
    assert (benchmark.count, benchmark.sha256) == (count, None)
