"""Every row of docs/faults.md names a test that is there."""

import ast
import re
from pathlib import Path

TESTS = Path(__file__).parent
PAGE = TESTS.parent / "docs" / "faults.md"


def test_every_row_has_its_test():
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| ") and "---" not in line]
    faults = [row for row in rows if not row.startswith("| fault |")]
    assert len(faults) > 30
    for row in faults:
        file, name = re.search(r"`(\S+\.py)::(\w+)` \|$", row).groups()
        functions = [node.name for node in ast.walk(ast.parse((TESTS / file).read_text())) if hasattr(node, "name")]
        assert name in functions, row
